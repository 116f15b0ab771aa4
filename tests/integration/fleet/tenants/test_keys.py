import asyncio
import hashlib
import json
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.database import Database
from fleet.tenants.keys_command import main
from fleet.tenants.tenant import Scope
from tests.kit.data.tenants import find_tenant
from tests.kit.data.vaults import SECRET_KEY
from tests.kit.processes import Said, command


async def keys(database_url: str, *words: str) -> Said:
    variables = {"RENDERFLEET_DATABASE_URL": database_url, "RENDERFLEET_SECRET_KEYS": SECRET_KEY}
    return await command("fleet.keys", *words, environment={**os.environ, **variables})


async def test_a_created_key_is_printed_alone_works_and_is_stored_as_a_hash(
    database: Database, database_url: str
) -> None:
    words = ("create", "--tenant", "acme", "--new-tenant", "--scopes", "read")
    code, out, err = await keys(database_url, *words)
    key = out.strip()
    assert code == 0
    assert "the tenant 'acme' is new" in err
    tenant = await find_tenant(database, key)
    assert tenant is not None
    assert tenant.scopes == {Scope.READ}
    stored = await database.fetchval("SELECT secret_sha256 FROM api_keys")
    assert stored == hashlib.sha256(key.split("_", 2)[2].encode()).digest()


async def test_two_keys_of_one_tenant_belong_to_one_tenant(database: Database, database_url: str) -> None:
    words = ("create", "--tenant", "acme", "--new-tenant")
    found = [await find_tenant(database, (await keys(database_url, *words))[1].strip()) for _ in range(2)]
    assert len({tenant.id for tenant in found if tenant}) == 1


@pytest.mark.parametrize(
    "mangle",
    [
        lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
        lambda key: key.replace("rf_", "rf_0", 1),
        lambda key: key + "x",
        lambda key: key.upper(),
        lambda _: "",
        lambda _: "rf__",
    ],
)
async def test_a_key_that_is_not_exactly_right_is_nobodys(
    database: Database, tenant_key: str, mangle: "type[str]"
) -> None:
    assert await find_tenant(database, tenant_key) is not None
    assert await find_tenant(database, mangle(tenant_key)) is None


async def test_a_revoked_key_is_nobodys(database: Database, tenant_key: str) -> None:
    await database.execute("UPDATE api_keys SET revoked_at = now()")
    assert await find_tenant(database, tenant_key) is None


Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """The command in this process: exit code, standard output and error."""
    monkeypatch.setenv("RENDERFLEET_DATABASE_URL", database_url)
    monkeypatch.setenv("RENDERFLEET_DATA_DIR", str(tmp_path))

    async def command(*words: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return command


async def test_a_typing_error_makes_no_tenant(run: Run, database: Database, tenant_key: str) -> None:  # noqa: ARG001 - there is the tenant "tests"
    assert await run("create", "--tenant", "test") == (
        1,
        "",
        "renderfleet: there is no tenant 'test'; did you mean 'tests'? With --new-tenant it is made.\n",
    )
    assert (await run("list", "--tenant", "test"))[0] == 1
    assert await database.fetchval("SELECT count(*) FROM tenants") == 1
    code, out, err = await run("create", "--tenant", "test", "--new-tenant")
    assert code == 0
    assert "the tenant 'test' is new" in err
    assert await find_tenant(database, out.strip()) is not None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tenant", ""], "--tenant: must have at least 1 character"),
        (["--tenant", "a\nb"], "--tenant: must be text without control characters"),
        (["--tenant", "acme", "--scopes", "root"], "--scopes: must be render, read, links or admin"),
        (["--tenant", "acme", "--scopes", ","], "--scopes: must have at least 1 entry"),
        (["--tenant", "acme", "--name", ""], "--name: must have at least 1 character"),
        *(
            (["--tenant", "acme", f"--expires-in-days={days}"], f"--expires-in-days: must be {allowed}")
            for days, allowed in (
                ("0", "more than 0"),
                ("-1", "more than 0"),
                ("x", "a number"),
                ("4000", "at most 3650"),
            )
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["create", *words])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.startswith(f"renderfleet: {sentence}")
    assert err.count("\n") == 1


async def test_keys_are_listed_for_people_and_for_machines_without_their_secrets(
    run: Run, database: Database, tenant_key: str
) -> None:
    _, out, _ = await run(
        "create", "--tenant", "acme", "--new-tenant", "--name", "shop", "--expires-in-days", "2"
    )
    [key] = out.splitlines()
    assert await find_tenant(database, key) is not None
    code, table, _ = await run("list")
    assert code == 0
    head, first, second = table.splitlines()
    assert head.split("  ")[0] == "id"
    assert first.split()[:4] == [key.split("_")[1], "acme", "shop", "read,render"]
    assert second.split()[1] == "tests"
    _, text, _ = await run("list", "--tenant", "acme", "--json")
    [listed] = json.loads(text)
    assert (listed["tenant"], listed["revoked_at"]) == ("acme", None)
    assert listed["last_used_at"] is not None
    left = datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=1.9) < left < timedelta(days=2)
    for secret in (key.split("_", 2)[2], tenant_key.split("_", 2)[2]):
        assert secret not in table + text


async def test_a_key_is_revoked_by_its_id_and_again_and_an_unknown_one_is_named(
    run: Run, database: Database, tenant_key: str
) -> None:
    key = (await run("create", "--tenant", "tests"))[1].strip()
    key_id = key.split("_")[1]
    code, out, err = await run("revoke", key_id)
    assert (code, err) == (0, "")
    assert out.startswith(f"{key_id} is revoked")
    assert await find_tenant(database, key) is None
    assert await run("revoke", key_id) == (0, f"{key_id} was revoked before\n", "")
    code, out, err = await run("revoke", "0123456789ab")
    assert (code, out) == (1, "")
    assert "there is no key '0123456789ab'" in err
    code, _, err = await run("revoke", tenant_key.split("_")[1])
    assert code == 0
    assert "no key with the scope `admin` works any more" in err


async def test_beside_make_run_no_address_is_needed(
    run: Run, database_url: str, tenant_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RENDERFLEET_DATABASE_URL")
    with pytest.raises(SystemExit) as ended:
        await run("list")
    assert str(ended.value).startswith("renderfleet: RENDERFLEET_DATABASE_URL is not set, and no `make run`")
    assert str(tmp_path) in str(ended.value)
    (tmp_path / "database-url").write_text(database_url)
    code, out, _ = await run("list")
    assert code == 0
    assert tenant_key.split("_")[1] in out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: re.sub(r"(?<=:)\d+(?=/)", "1", url), "Postgres does not answer: "),
        (lambda url: url + "-that-does-not-exist", "Postgres lacks the database "),
    ],
)
async def test_a_database_that_cannot_be_used_is_one_sentence(
    run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str], sentence: str
) -> None:
    monkeypatch.setenv("RENDERFLEET_DATABASE_URL", change(database_url))
    code, out, err = await run("list")
    assert (code, out) == (1, "")
    assert err.startswith(f"renderfleet: {sentence}")
    assert err.count("\n") == 1


async def test_an_expired_key_is_nobodys(database: Database, tenant_key: str) -> None:
    await database.execute("UPDATE api_keys SET expires_at = now() + interval '1 hour'")
    assert await find_tenant(database, tenant_key) is not None
    await database.execute("UPDATE api_keys SET expires_at = now()")
    assert await find_tenant(database, tenant_key) is None


async def test_a_use_is_written_down_once_a_minute_and_only_of_the_whole_key(
    database: Database, tenant_key: str
) -> None:
    used = "SELECT last_used_at FROM api_keys"
    await find_tenant(database, tenant_key[:-4] + "AAAA")
    assert await database.fetchval(used) is None
    await find_tenant(database, tenant_key)
    first = await database.fetchval(used)
    await find_tenant(database, tenant_key)
    assert await database.fetchval(used) == first is not None
    await database.execute("UPDATE api_keys SET last_used_at = now() - interval '61 s'")
    await find_tenant(database, tenant_key)
    assert await database.fetchval(used) > first
