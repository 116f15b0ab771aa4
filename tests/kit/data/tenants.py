"""Finds the tenant of an API key in the database, without the cache that the API has."""

from fleet.database import Database
from fleet.tenants.authenticate import digest_of, find_by_digest
from fleet.tenants.tenant import Tenant


async def find_tenant(database: Database, key: str) -> Tenant | None:
    """None: the key is malformed, unknown, revoked or expired."""
    digest = digest_of(key)
    return None if digest is None else await find_by_digest(database, digest)
