"""Checks signed links: whose key has signed a link, and whether it is valid now."""

import time
from datetime import UTC, datetime
from typing import Final

from api.access.cached_lookup import Lookups, shorter_if_missing
from api.http.problems import RefusedError, refused_field
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.render.link_signature import EXPIRES, Link
from fleet.tenants.authenticate import LinkKey, find_link_key
from fleet.tenants.tenant import Scope, Tenant
from fleet.vault import Vault

_MAY_SIGN: Final = frozenset({Scope.RENDER, Scope.LINKS})


class LinkKeys:
    """The keys that check links, with a cache like that of API keys."""

    def __init__(self, database: Database, vault: Vault, *, cache_s: float, max_lifetime_s: int) -> None:
        """Remember nothing yet.

        Args:
            database: connections to Postgres.
            vault: unseals the keys.
            cache_s: seconds for which a key is cached. Links of a revoked key still work for so long.
            max_lifetime_s: a link must expire within so many seconds from now.
        """
        self._keys: Lookups[str, LinkKey | None] = Lookups(
            lambda key_id: find_link_key(database, vault, key_id), lifetime_s=shorter_if_missing(cache_s)
        )
        self._max_lifetime_s = max_lifetime_s

    async def tenant(self, link: Link) -> Tenant:
        """The tenant whose key has signed a link that is valid.

        Raises:
            RefusedError: link_not_signed: there is no such key, or the signature is wrong. If the signature
                is right: link_expired, invalid_request (it expires too late), or forbidden (the key may not
                sign).
            UnavailableError: the key is not cached, and Postgres does not answer.
        """
        found = await self._keys.get(link.key_id)
        if found is None:
            raise RefusedError(
                ErrorType.LINK_NOT_SIGNED, "the API key of the link is unknown, revoked or expired"
            )
        if found.key is None:
            raise RefusedError(
                ErrorType.LINK_NOT_SIGNED, "the API key was made before it could sign links; make a new one"
            )
        if not link.is_signed_with(found.key):
            raise RefusedError(
                ErrorType.LINK_NOT_SIGNED,
                "the signature does not fit the link: see /docs/links for what is signed, and how",
            )
        self._check_rights(link, found.tenant)
        return found.tenant

    async def signing_key(self, tenant: Tenant) -> bytes | None:
        """The key that signs links of the API key of a call. None: it may not sign, or is too old for it.

        Raises:
            UnavailableError: the key is not cached, and Postgres does not answer.
        """
        if tenant.scopes.isdisjoint(_MAY_SIGN):
            return None
        found = await self._keys.get(tenant.key_id)
        return None if found is None else found.key

    def forget_all(self) -> None:
        """Look each key up again: keys or limits have changed."""
        self._keys.forget_all()

    def _check_rights(self, link: Link, tenant: Tenant) -> None:
        if tenant.scopes.isdisjoint(_MAY_SIGN):
            raise RefusedError(
                ErrorType.FORBIDDEN, f"the API key lacks the scope `{Scope.LINKS}` or `{Scope.RENDER}`"
            )
        left_s = link.expires - time.time()
        if left_s <= 0:
            expired_at = datetime.fromtimestamp(link.expires, UTC)
            raise RefusedError(
                ErrorType.LINK_EXPIRED, f"it was valid until {expired_at:%Y-%m-%dT%H:%M:%SZ}; sign a new one"
            )
        if left_s > self._max_lifetime_s:
            raise refused_field(
                EXPIRES,
                "is too late",
                allowed=f"at most {self._max_lifetime_s:,} s from now (LINK_MAX_LIFETIME_S)",
            )
