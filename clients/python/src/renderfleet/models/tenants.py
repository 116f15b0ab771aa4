"""Tenants and API keys, one's own and those that an operator manages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTenant(Document):
    """The tenant that the API key belongs to."""

    id: str
    name: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure(Document):
    """How far the erasing of a tenant has come."""

    tenant_id: str
    stage: str
    requested_at: datetime
    finished_at: datetime | None
    erased: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKey(Document):
    """The API key of this client, without its secret."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Document):
    """The limits that apply; None: no limit."""

    max_requests_per_s: float | None
    burst: int | None
    max_queued: int | None
    max_running: int | None
    max_renders_per_month: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Document):
    """What of the limits is used."""

    queued: int
    running: int
    renders_this_month: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Me(Document):
    """Who the caller is, what it may do and what it has used."""

    tenant: OwnTenant
    key: OwnKey
    limits: Limits
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLinks(Document):
    """Related calls, as paths on the server."""

    self: str
    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant(Document):
    """A tenant, for operators. A limit that is None: the server's setting applies."""

    id: str
    name: str
    created_at: datetime
    weight: float
    max_queued: int | None
    max_running: int | None
    max_requests_per_s: float | None
    burst: int | None
    max_renders_per_month: int | None
    renders_this_month: int
    egress_allow: tuple[str, ...]
    egress_deny: tuple[str, ...]
    links: TenantLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(Document):
    """A key, without its secret."""

    id: str
    tenant_id: str
    tenant_name: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey(ApiKey):
    """A key that was just made, with its secret."""

    key: str
