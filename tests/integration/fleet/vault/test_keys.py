"""Keys: which of them a fleet takes, and what a rotation leaves to the old one."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.jobs.create import accept
from fleet.jobs.create.accept import Acceptance
from fleet.render.request import RenderRequest
from fleet.schedules import fire as firing
from fleet.schedules import schedule
from fleet.schedules.plan import ScheduleRefusal
from fleet.schedules.request import ScheduleRequest
from fleet.vault import Vault, WrongKeyError, enrol
from fleet.vault.key_file import new_key
from fleet.vault.rotation import rotate
from fleet.webhooks import endpoints
from tests.integration.fleet.vault.secret_jobs import (
    MARKER,
    NEW,
    REQUEST,
    URL,
    accepted,
    claimed,
    stored,
    unsealed,
)
from tests.kit.data.vaults import SECRET_KEY, VAULT
from tests.kit.processes import command, free_port, started
from tests.kit.stages.stage import Stage

BOTH = Vault([b"n" * 32, b"the key of a fleet under test!!!"])


async def test_another_key_seals_nothing_for_this_fleet(database: Database, tenant_id: UUID) -> None:
    await accepted(database, tenant_id)
    with pytest.raises(WrongKeyError, match="RENDERFLEET_SECRET_KEYS lacks the key"):
        await accepted(database, tenant_id, NEW)
    with pytest.raises(WrongKeyError):
        await enrol(database, NEW)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    assert await database.fetchval("SELECT array_agg(id) FROM secret_keys") == [VAULT.newest_id]


async def test_of_two_keys_that_a_new_fleet_gets_at_once_one_is_refused(database: Database) -> None:
    async with database.connection() as first:
        transaction = first.transaction()
        await transaction.start()
        await first.execute("LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE")
        await first.execute("INSERT INTO secret_keys (id) VALUES ($1)", VAULT.newest_id)
        second = asyncio.create_task(enrol(database, NEW))
        await asyncio.wait([second], timeout=0.5)
        await transaction.commit()
    with pytest.raises(WrongKeyError):
        await second
    assert await database.fetchval("SELECT count(*) FROM secret_keys") == 1


@pytest.mark.parametrize("program", [("worker",), ("api",)])
async def test_a_process_with_another_key_does_not_start(stage: Stage, program: tuple[str, ...]) -> None:
    await enrol(stage.database, VAULT)
    log = stage.folder / "log"
    environment = stage.environment(SECRET_KEYS=new_key(), API_PORT=str(free_port()))
    async with started(*program, environment=environment, log=log) as process:
        assert await process.ended() != 0
    assert "RENDERFLEET_SECRET_KEYS lacks the key" in log.read_text()
    assert VAULT.newest_id.hex() in log.read_text()


async def test_a_rotation_leaves_nothing_to_the_old_key(database: Database, tenant_id: UUID) -> None:
    async def keyed(vault: Vault) -> Acceptance:
        return await accept.accept(database, vault, tenant_id=tenant_id, request=REQUEST, idempotency_key="k")

    first = await keyed(VAULT)
    more = [await accepted(database, tenant_id) for _ in range(25)]
    wanted = ScheduleRequest.model_validate({"cron": "@hourly", "job": {"html": MARKER}})
    await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=wanted)
    old = await endpoints.find_or_make(database, VAULT, tenant_id=tenant_id, url=URL)
    assert old is not None
    await endpoints.rotate(database, VAULT, endpoint_id=old.id, tenant_id=tenant_id)

    rotation = await rotate(database, BOTH)
    assert rotation.sealed.items() >= {"jobs": 2 * 26, "schedules": 1, "webhook_endpoints": 2}.items()
    assert rotation.retired == [VAULT.newest_id]
    for job in (first.job, more[-1]):
        whole = unsealed(await claimed(database, job), NEW)
        assert RenderRequest.model_validate_json(whole) == REQUEST
    await database.execute("UPDATE schedules SET next_fire_at = now()")
    [fired] = await firing.fire_due(database, NEW, AddressPolicy(), max_queued=0, limit=1)
    assert not isinstance(fired.result, ScheduleRefusal)
    endpoint = await endpoints.get(database, NEW, endpoint_id=old.id, tenant_id=tenant_id)
    assert endpoint is not None
    assert endpoint.previous_secret == old.secret
    assert (await keyed(BOTH)).job.id == first.job.id
    with pytest.raises(WrongKeyError):
        await accepted(database, tenant_id)  # a process that still has the old key alone
    assert set((await rotate(database, NEW)).sealed.values()) == {0}


async def test_the_command_rotates_and_says_what_it_did(
    database: Database, database_url: str, tenant_id: UUID, tmp_path: Path
) -> None:
    job = await accepted(database, tenant_id)
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_SECRET_KEYS": f"{await said('key')},{SECRET_KEY}",
        "RENDERFLEET_DATA_DIR": str(tmp_path),
    }
    words = await said("rotate", environment)
    assert "jobs: 2, schedules: 0, bundles: 0, webhook_endpoints: 0" in words
    assert VAULT.newest_id.hex() in words
    row = await stored(database, job)
    assert VAULT.newest_id not in (row["sealed_by"], row["content_sealed_by"])


async def said(word: str, environment: dict[str, str] | None = None) -> str:
    ended = await command("fleet.vault", word, environment=environment or os.environ)
    assert ended.code == 0
    return ended.output.strip()
