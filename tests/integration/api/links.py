"""Signed links as a tenant makes them, for the tests of them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fleet.database import Pool
from fleet.links import link_key, sign
from fleet.tenants import Scope, create_key
from fleet.vault import enrol
from tests.vaults import VAULT

SCREENSHOT = "/v1/screenshot"
URL = "https://example.com/prices"


@dataclass(frozen=True)
class Signer:
    """Whoever holds an API key."""

    api_key: str

    @property
    def key_id(self) -> str:
        return self.api_key.split("_", 2)[1]

    def link(self, path: str = SCREENSHOT, *, expires_in_s: float = 3600, **options: str) -> str:
        """A link from the path on; a `__` in a name stands for a dot."""
        dotted = {name.replace("__", "."): value for name, value in options.items()}
        return self.link_with(dotted, path, expires_in_s=expires_in_s)

    def link_with(
        self, options: Mapping[str, str], path: str = SCREENSHOT, *, expires_in_s: float = 3600
    ) -> str:
        """A link with these options, and the usual address unless they have one."""
        expires = str(int(time.time() + expires_in_s))
        return self.sealed({"url": URL, "key": self.key_id, "expires": expires, **options}, path)

    def sealed(self, parameters: dict[str, str], path: str = SCREENSHOT) -> str:
        """A link with exactly these parameters, and their signature."""
        signature = sign(link_key(self.api_key.split("_", 2)[2]), path, parameters)
        pairs = {**parameters, "signature": signature}.items()
        return f"{path}?" + "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)


async def made_key(database: Pool, *scopes: Scope, tenant_name: str = "tests") -> Signer:
    """A key of a tenant, with what checks its links."""
    await enrol(database, VAULT)
    async with database.acquire() as connection:
        key = await create_key(
            connection, tenant_name=tenant_name, key_name="links", scopes=frozenset(scopes), vault=VAULT
        )
    return Signer(key)
