import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.database import Database
from fleet.tenants.keys_command import main
from fleet.tenants.tenant import Scope
from tests.kit.tenants import find_tenant
from tests.kit.vaults import SECRET_KEY


async def keys(database_url: str, *words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fleet.keys",
        *words,
        env={
            **os.environ,
            "RENDERFLEET_DATABASE_URL": database_url,
            "RENDERFLEET_SECRET_KEYS": SECRET_KEY,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_created_key_is_printed_alone_works_and_is_stored_as_a_hash(
    database: Database, database_url: str
) -> None:
    code, out, _ = await keys(database_url, "create", "--tenant", "acme", "--scopes", "read")
    key = out.strip()
    assert code == 0
    tenant = await find_tenant(database, key)
    assert tenant is not None
    assert tenant.scopes == {Scope.READ}
    stored = await database.fetchval("SELECT secret_sha256 FROM api_keys")
    assert stored == hashlib.sha256(key.split("_", 2)[2].encode()).digest()


async def test_two_keys_of_one_tenant_belong_to_one_tenant(database: Database, database_url: str) -> None:
    found = [
        await find_tenant(database, (await keys(database_url, "create", "--tenant", "acme"))[1].strip())
        for _ in range(2)
    ]
    assert len({tenant.id for tenant in found if tenant}) == 1


async def test_an_unknown_scope_is_refused_with_what_is_allowed(database_url: str) -> None:
    code, out, err = await keys(database_url, "create", "--tenant", "acme", "--scopes", "root")
    assert code == 2
    assert out == ""
    assert "scopes are render, read, " in err


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


@pytest.fixture
def run(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Awaitable[tuple[int, str, str]]]:
    """The command in this process: exit code, standard output and error."""
    monkeypatch.setenv("RENDERFLEET_DATABASE_URL", database_url)
    monkeypatch.setenv("RENDERFLEET_DATA_DIR", str(tmp_path))

    async def command(*words: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return command


async def test_keys_are_listed_for_people_and_for_machines_without_their_secrets(
    run: Callable[..., Awaitable[tuple[int, str, str]]], database: Database, tenant_key: str
) -> None:
    _, out, _ = await run("create", "--tenant", "acme", "--name", "shop", "--expires-in-days", "2")
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
    run: Callable[..., Awaitable[tuple[int, str, str]]], database: Database, tenant_key: str
) -> None:
    key = (await run("create", "--tenant", "acme"))[1].strip()
    key_id = key.split("_")[1]
    assert await run("revoke", key_id) == (0, "", "")
    assert await find_tenant(database, key) is None
    code, _, err = await run("revoke", key_id)
    assert (code, "was revoked before" in err) == (0, True)
    code, _, err = await run("revoke", "0123456789ab")
    assert (code, "there is no key '0123456789ab'" in err) == (1, True)
    code, _, err = await run("revoke", tenant_key.split("_")[1])
    assert code == 0
    assert "no key with the scope `admin` works any more" in err


@pytest.mark.parametrize("days", ["0", "-1", "x", "4000"])
def test_days_that_make_no_sense_are_refused(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["create", "--tenant", "acme", f"--expires-in-days={days}"])
    assert "days are above 0 to 3650" in capsys.readouterr().err


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
