"""A tenant as a call meets it, and what its key allows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg


class Scope(StrEnum):
    """What a key may do."""

    RENDER = "render"
    READ = "read"
    LINKS = "links"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who calls, as its API key says. A limit that is None is the setting's.

    Attributes:
        weight: its share of a busy fleet; 1 is usual.
        max_queued: how many queued jobs it may have.
        max_requests_per_s: how many calls it may make.
        burst: how many of them may come at once.
        max_renders_per_month: how many jobs it may have accepted in a month (UTC).
        egress_allow: what it reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what it does not reach, as `EGRESS_DENY` is written.
    """

    id: UUID
    key_id: str
    scopes: frozenset[Scope]
    weight: float = 1.0
    max_queued: int | None = None
    max_requests_per_s: float | None = None
    burst: int | None = None
    max_renders_per_month: int | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


# When a key counts.
IS_VALID: Final = (
    "api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())"
)
# What `tenant_from_row` reads, of keys that are joined with their tenant.
TENANT_COLUMNS: Final = """
    tenants.id AS tenant_id, api_keys.id AS key_id, scopes, weight, max_queued, max_requests_per_s, burst,
    max_renders_per_month, egress_allow, egress_deny
"""


def tenant_from_row(row: asyncpg.Record) -> Tenant:
    """Make a Tenant of a row that holds `TENANT_COLUMNS`."""
    return Tenant(
        id=row["tenant_id"],
        key_id=row["key_id"],
        scopes=frozenset(Scope(word) for word in row["scopes"]),
        weight=row["weight"],
        max_queued=row["max_queued"],
        max_requests_per_s=row["max_requests_per_s"],
        burst=row["burst"],
        max_renders_per_month=row["max_renders_per_month"],
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
    )
