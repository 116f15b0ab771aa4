import asyncio
import hashlib
import os
import sys

import pytest

from fleet.database import Pool
from fleet.tenants import Scope, find_tenant


async def keys(database_url: str, *words: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fleet.keys",
        *words,
        env={**os.environ, "RENDERFLEET_DATABASE_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_created_key_is_printed_alone_works_and_is_stored_as_a_hash(
    database: Pool, database_url: str
) -> None:
    code, out, _ = await keys(database_url, "create", "--tenant", "acme", "--scopes", "read")
    key = out.strip()
    assert code == 0
    tenant = await find_tenant(database, key)
    assert tenant is not None
    assert tenant.scopes == {Scope.READ}
    stored = await database.fetchval("SELECT secret_sha256 FROM api_keys")
    assert stored == hashlib.sha256(key.split("_", 2)[2].encode()).digest()


async def test_two_keys_of_one_tenant_belong_to_one_tenant(database: Pool, database_url: str) -> None:
    found = [
        await find_tenant(database, (await keys(database_url, "create", "--tenant", "acme"))[1].strip())
        for _ in range(2)
    ]
    assert len({tenant.id for tenant in found if tenant}) == 1


async def test_an_unknown_scope_is_refused_with_what_is_allowed(database_url: str) -> None:
    code, out, err = await keys(database_url, "create", "--tenant", "acme", "--scopes", "root")
    assert code == 2
    assert out == ""
    assert "render, read, admin" in err


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
    database: Pool, tenant_key: str, mangle: "type[str]"
) -> None:
    assert await find_tenant(database, tenant_key) is not None
    assert await find_tenant(database, mangle(tenant_key)) is None


async def test_a_revoked_key_is_nobodys(database: Pool, tenant_key: str) -> None:
    await database.execute("UPDATE api_keys SET revoked_at = now()")
    assert await find_tenant(database, tenant_key) is None
