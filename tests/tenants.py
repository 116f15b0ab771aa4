"""Whose an API key is, asked of the database and not of an API that remembers it."""

from fleet.database import Pool
from fleet.tenants import Tenant, digest_of, find_by_digest


async def find_tenant(database: Pool, key: str) -> Tenant | None:
    """None: the key is malformed, unknown, revoked or expired."""
    digest = digest_of(key)
    return None if digest is None else await find_by_digest(database, digest)
