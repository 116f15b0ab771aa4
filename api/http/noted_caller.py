"""Who makes a call, noted for the line that is logged of it: ids alone, no name and nothing of the key."""

from typing import Final

from starlette.types import Scope

from fleet.tenants.tenant import Tenant

_TENANT: Final = "renderfleet.tenant"


def note_caller(call: Scope, tenant: Tenant) -> None:
    """Note whose key or signature a call has, once it is known to be right."""
    call[_TENANT] = tenant


def ids_of_caller(call: Scope) -> dict[str, str]:
    """`tenant_id` and `key_id` of a call; empty: it has no valid key or signature, or needs none."""
    tenant: Tenant | None = call.get(_TENANT)
    return {} if tenant is None else {"tenant_id": str(tenant.id), "key_id": tenant.key_id}
