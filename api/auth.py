"""Who calls, and may they: API keys, remembered for seconds, so that a POST stays one transaction."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from typing import Final

from starlette.datastructures import Headers

from api.problems import RefusedError
from fleet.database import Pool
from fleet.errors import ErrorType
from fleet.tenants import Scope, Tenant, find_tenant

# A key with one of these may make a call that needs the scope on the left.
_SUFFICIENT: Final = {
    Scope.RENDER: frozenset({Scope.RENDER}),
    Scope.READ: frozenset({Scope.READ, Scope.RENDER}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}
# A key that was just made must work at once for whoever tried it too early.
_UNKNOWN_KEY_CACHE_S: Final = 1.0
_MAX_REMEMBERED: Final = 10_000


class Authenticator:
    """Finds the tenant of a call. Keys are remembered by their SHA-256, never in clear, never logged."""

    def __init__(self, pool: Pool, *, cache_s: float) -> None:
        self._pool = pool
        self._cache_s = cache_s
        self._remembered: OrderedDict[bytes, tuple[Tenant | None, float]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Tenant | None]] = {}

    async def tenant(self, headers: Headers, needed: Scope) -> Tenant:
        """The tenant whose key the call carries.

        Raises:
            RefusedError: unauthorized or forbidden.
            UnavailableError: the key is not remembered and Postgres does not answer.
        """
        key = _key_of(headers)
        digest = hashlib.sha256(key.encode()).digest()
        tenant, until = self._remembered.get(digest, (None, 0.0))
        if until < time.monotonic():
            tenant = await self._find(key, digest)
        if tenant is None:
            raise RefusedError(ErrorType.UNAUTHORIZED, "the API key is malformed, unknown or revoked")
        if tenant.scopes.isdisjoint(_SUFFICIENT[needed]):
            raise RefusedError(ErrorType.FORBIDDEN, f"the API key lacks the scope `{needed}`")
        return tenant

    async def _find(self, key: str, digest: bytes) -> Tenant | None:
        # One look at Postgres for a key, however many calls miss it in the cache at the same moment.
        task = self._under_way.get(digest)
        if task is None:
            task = asyncio.create_task(self._find_and_remember(key, digest))
            self._under_way[digest] = task
            task.add_done_callback(lambda _: self._under_way.pop(digest))
        return await asyncio.shield(task)

    async def _find_and_remember(self, key: str, digest: bytes) -> Tenant | None:
        tenant = await find_tenant(self._pool, key)
        lifetime_s = self._cache_s if tenant else min(self._cache_s, _UNKNOWN_KEY_CACHE_S)
        self._remembered[digest] = (tenant, time.monotonic() + lifetime_s)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return tenant


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
