"""The commands of `renderfleet` that are for operators, against a fleet."""

import asyncio
import json
from uuid import UUID

import pytest

from tests.integration.clients.conftest import ClientFleet
from tests.kit.patience import PATIENCE_S

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("page")]


async def test_operators_see_and_pause_the_fleet(fleet: ClientFleet) -> None:
    (worker,) = (await fleet.done("fleet")).splitlines()
    assert worker.split("\t")[2] == "0/2"
    assert "paused since" in await fleet.done("fleet pause --reason 'a new disk'")
    ill = await fleet.say("doctor")
    assert "no\tworkers\tthe fleet is paused (a new disk): jobs wait" in ill.output
    assert ill.code != 0
    looks = (await fleet.done("fleet --watch --every 0.5 --count 2")).splitlines()
    assert [look.split("\t")[1] for look in looks] == ["paused", "paused"]
    assert (await fleet.done("fleet resume")).startswith("runs; ")
    assert json.loads(await fleet.done("fleet --json paused,slots")) == {"paused": False, "slots": 2}


async def test_operators_make_tenants_and_keys_that_can_do_less(fleet: ClientFleet) -> None:
    id_ = await fleet.done("tenant add acme --limit max_queued=0")
    assert (await fleet.say("tenant add acme")).code == 2
    assert id_ in await fleet.done("tenant list")
    key = await fleet.done("key add --tenant acme --scopes render,read --name shop --expires 90d")
    limited = await fleet.say("--retry-for 0 shot example.com", RENDERFLEET_API_KEY=key)
    assert (limited.code, "limit" in limited.errors) == (5, True), limited
    assert (await fleet.say("fleet", RENDERFLEET_API_KEY=key)).code == 3
    await fleet.done("tenant set acme --limit max_queued=null")
    assert "max_queued" not in await fleet.done("tenant show acme")
    (line,) = (await fleet.done("key list --tenant acme")).splitlines()
    await fleet.done(f"key revoke {line.split()[0]}")
    assert (await fleet.done("key list --tenant acme")).split("\t")[-1] != ""
    assert (await fleet.say("jobs", RENDERFLEET_API_KEY="rf_aaaaaaaaaaaa_wrong")).code == 3


async def test_a_tenant_is_erased_while_a_job_of_it_runs(fleet: ClientFleet) -> None:
    id_ = await fleet.done("tenant add gone")
    key = await fleet.done("key add --tenant gone")
    made = await fleet.say("shot page.html -o gone.png", RENDERFLEET_API_KEY=key)
    assert made.code == 0, made
    line = "shot page.html --no-wait -O wait_for_selector=#never"
    job = UUID((await fleet.say(line, RENDERFLEET_API_KEY=key)).output.strip())
    async with asyncio.timeout(PATIENCE_S):
        while await fleet.stage.database.fetchval("SELECT state FROM jobs WHERE id = $1", job) != "running":  # noqa: ASYNC110 - it sends no event
            await asyncio.sleep(0.05)
    refused = await fleet.say("tenant erase gone", keys="n\n")
    assert (refused.code, "with all its data?" in refused.output + refused.errors) == (1, True), refused
    told = json.loads(await fleet.done("tenant erase gone --yes --wait --json stage,erased"))
    assert told["stage"] == "settling"
    assert {"jobs": 2, "files": 1}.items() <= told["erased"].items()
    assert (await fleet.say("jobs", RENDERFLEET_API_KEY=key)).code == 3
    assert f"tenant_id\t{id_}" in await fleet.done(f"tenant erase {id_} --yes")
    unknown = await fleet.say("tenant erase nobody --yes")
    assert unknown.code == 4, unknown


async def test_a_doctor_finds_a_well_fleet_well_and_names_what_is_not(fleet: ClientFleet) -> None:
    well = await fleet.done("doctor")
    assert [line.split("\t")[:2] for line in well.splitlines()] == [
        ["ok", "address"],
        ["ok", "server"],
        ["ok", "key"],
        ["ok", "workers"],
        ["ok", "render"],
    ]
    gone = await fleet.say("doctor", RENDERFLEET_URL="http://127.0.0.1:1")
    assert (gone.code, "no\tserver\t" in gone.output) == (7, True), gone
