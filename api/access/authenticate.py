"""Who calls, and may they: API keys, remembered for seconds, so that a POST stays one transaction."""

from typing import Final

from starlette.datastructures import Headers

from api.access.cached_lookup import Lookups, shorter_if_missing
from api.http.problems import RefusedError
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.authenticate import KeyDigest, digest_of, find_by_digest
from fleet.tenants.tenant import Scope, Tenant

# A key with one of these may make a call that needs the scope on the left.
_SUFFICIENT: Final = {
    Scope.RENDER: frozenset({Scope.RENDER}),
    Scope.READ: frozenset({Scope.READ, Scope.RENDER}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}


class Authenticator:
    """Finds the tenant of a call. Keys are remembered by their SHA-256, never in clear, never logged."""

    def __init__(self, database: Database, *, cache_s: float) -> None:
        self._tenants: Lookups[KeyDigest, Tenant | None] = Lookups(
            lambda digest: find_by_digest(database, digest), lifetime_s=shorter_if_missing(cache_s)
        )

    async def tenant(self, headers: Headers) -> Tenant:
        """The tenant whose key the call carries.

        Raises:
            RefusedError: unauthorized.
            UnavailableError: the key is not remembered and Postgres does not answer.
        """
        return await self.tenant_of(digest_of(_key_of(headers)))

    async def tenant_of(self, digest: KeyDigest | None) -> Tenant:
        """The tenant whose key has this digest. None is the digest of a text that is no key.

        Raises:
            RefusedError: unauthorized.
            UnavailableError: the key is not remembered and Postgres does not answer.
        """
        tenant = None if digest is None else await self._tenants.get(digest)
        if tenant is None:
            raise RefusedError(
                ErrorType.UNAUTHORIZED, "the API key is malformed, unknown, revoked or expired"
            )
        return tenant

    def forget_all(self) -> None:
        """Look each key up again: keys or limits have changed."""
        self._tenants.forget_all()


def may(tenant: Tenant, needed: Scope) -> bool:
    """Whether the tenant's key may make a call that needs this scope."""
    return not tenant.scopes.isdisjoint(_SUFFICIENT[needed])


def require(tenant: Tenant, needed: Scope) -> None:
    """Do nothing if the tenant's key may make a call that needs this scope.

    Raises:
        RefusedError: forbidden.
    """
    if not may(tenant, needed):
        raise RefusedError(ErrorType.FORBIDDEN, f"the API key lacks the scope `{needed}`")


def _key_of(headers: Headers) -> str:
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            return key.strip()
        raise RefusedError(ErrorType.UNAUTHORIZED, "Authorization must read `Bearer KEY`")
    key = headers.get("x-api-key", "")
    if not key:
        raise RefusedError(ErrorType.UNAUTHORIZED, "send `Authorization: Bearer KEY` or `X-API-Key: KEY`")
    return key
