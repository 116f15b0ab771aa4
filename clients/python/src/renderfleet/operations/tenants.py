"""Tenants and API keys, for operators."""

from collections.abc import Mapping, Sequence
from typing import Any

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.tenants import ApiKey, Erasure, IssuedKey, Tenant
from renderfleet.operations.lists import segment

TENANTS = "/v1/admin/tenants"
KEYS = "/v1/admin/keys"


def id_of(tenant: Tenant | str) -> str:
    """The id of a tenant."""
    return tenant if isinstance(tenant, str) else tenant.id


def _tenant(call: Call, budget: Budget) -> Operation[Tenant]:
    return Tenant.of(document_of((yield from answered(call, budget))))


def create(name: str, limits: Mapping[str, Any], budget: Budget) -> Operation[Tenant]:
    """Make a tenant. Names are unique, so that a second try cannot make another one."""
    return (yield from _tenant(Call("POST", TENANTS, body={"name": name, **limits}), budget))


def read(tenant: Tenant | str, budget: Budget) -> Operation[Tenant]:
    """Read a tenant."""
    return (yield from _tenant(Call("GET", f"{TENANTS}/{segment(id_of(tenant))}"), budget))


def change(tenant: Tenant | str, limits: Mapping[str, Any], budget: Budget) -> Operation[Tenant]:
    """Change limits and addresses; None: the server's setting applies again."""
    path = f"{TENANTS}/{segment(id_of(tenant))}"
    return (yield from _tenant(Call("PATCH", path, body=dict(limits)), budget))


def erase(tenant: Tenant | str, budget: Budget) -> Operation[Erasure]:
    """Erase a tenant with all its data; repeating is safe, and tells how far it has come."""
    call = Call("DELETE", f"{TENANTS}/{segment(id_of(tenant))}")
    return Erasure.of(document_of((yield from answered(call, budget))))


def read_erasure(tenant: Tenant | str, budget: Budget) -> Operation[Erasure]:
    """Read how far the erasing of a tenant has come."""
    call = Call("GET", f"{TENANTS}/{segment(id_of(tenant))}/erasure")
    return Erasure.of(document_of((yield from answered(call, budget))))


def create_key(
    tenant: Tenant | str,
    *,
    name: str | None,
    scopes: Sequence[str] | None,
    expires_in_s: int | None,
    budget: Budget,
) -> Operation[IssuedKey]:
    """Make a key. Not sent again if nobody knows whether it has arrived: nobody would know the first one."""
    given = {"name": name, "scopes": None if scopes is None else list(scopes), "expires_in_s": expires_in_s}
    body = {"tenant_id": id_of(tenant), **{word: value for word, value in given.items() if value is not None}}
    call = Call("POST", KEYS, body=body, is_repeatable=False)
    return IssuedKey.of(document_of((yield from answered(call, budget))))


def read_key(key_id: str, budget: Budget) -> Operation[ApiKey]:
    """Read a key, without its secret."""
    return ApiKey.of(document_of((yield from answered(Call("GET", f"{KEYS}/{segment(key_id)}"), budget))))


def revoke_key(key_id: str, budget: Budget) -> Operation[ApiKey]:
    """Revoke a key; repeating is safe."""
    return ApiKey.of(document_of((yield from answered(Call("DELETE", f"{KEYS}/{segment(key_id)}"), budget))))
