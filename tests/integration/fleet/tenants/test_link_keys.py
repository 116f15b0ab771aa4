"""The keys that check signed links: made with an API key, sealed, and sealed anew by a rotation."""

import os
import secrets

import pytest

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.render.link_signature import link_key
from fleet.tenants.authenticate import find_link_key
from fleet.tenants.tenant import Scope
from fleet.vault import UnsealError, Vault
from fleet.vault.rotation import rotate
from fleet.vault.settings import key_from_text
from tests.kit.api.links import made_key
from tests.kit.data.vaults import SECRET_KEY, VAULT
from tests.kit.processes import command


async def test_a_key_made_by_the_command_can_sign(
    engines: Engines, database: Database, database_url: str
) -> None:
    environment = {
        **os.environ,
        **engines.environment,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_SECRET_KEYS": SECRET_KEY,
    }
    words = ("fleet.keys", "create", "--tenant", "t", "--new-tenant", "--scopes", "links")
    said = await command(*words, environment=environment)
    assert said.code == 0
    _, key_id, secret = said.output.strip().split("_", 2)  # the key alone
    found = await find_link_key(database, VAULT, key_id)
    assert found is not None
    assert (found.key, found.tenant.scopes) == (link_key(secret), frozenset({Scope.LINKS}))
    stored = await database.fetchrow("SELECT * FROM api_keys")
    assert stored is not None
    assert link_key(secret) not in stored["link_key"]


async def test_a_rotation_seals_it_anew(database: Database) -> None:
    signer = await made_key(database, Scope.LINKS)
    new_key = secrets.token_bytes(32)
    new = Vault([new_key])
    with pytest.raises(UnsealError):
        await find_link_key(database, new, signer.key_id)
    await rotate(database, Vault([new_key, key_from_text(SECRET_KEY)]))
    found = await find_link_key(database, new, signer.key_id)
    assert found is not None
    assert found.key == link_key(signer.api_key.split("_", 2)[2])
