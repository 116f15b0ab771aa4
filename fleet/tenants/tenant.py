"""The tenant of a call, and the scopes of its key."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg


class Scope(StrEnum):
    """What an API key may do."""

    RENDER = "render"
    READ = "read"
    LINKS = "links"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant of an API key. If a limit is None, the setting applies.

    Attributes:
        key_id: the id of the API key.
        weight: its share of a busy fleet; the usual one is 1.
        max_queued: how many queued jobs it may have.
        max_requests_per_s: how many calls it may make in a second.
        burst: how many calls it may make at once after a pause.
        max_renders_per_month: how many jobs may be accepted in a month (UTC).
        egress_allow: networks that it may reach besides those of the settings, written as in `EGRESS_ALLOW`.
        egress_deny: networks and hosts that it may not reach, written as in `EGRESS_DENY`.
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


# The condition for a valid key.
IS_VALID: Final = (
    "api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())"
)
# The columns that `tenant_from_row` reads, from `api_keys` joined with `tenants`.
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
