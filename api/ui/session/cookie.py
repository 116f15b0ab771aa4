"""The cookie of a session: which API key has signed in and until when, sealed by the vault.

The key itself is not in it, only the digest by which the API looks keys up. So each request is checked as a
call with the key would be, and a session ends when its key is revoked (within API_KEY_CACHE_S).

Behind TLS the name begins with `__Host-` (draft-ietf-httpbis-rfc6265bis, section 4.1.3.2): a browser takes
such a cookie only from this host itself, so that no page of another subdomain can sign somebody in with a key
of its own. This prefix asks for the path `/`. That the browser sends the cookie to `/v1`, too, harms nothing:
nothing there reads cookies. Over plain http the name has no prefix, and the path is `/ui`.
"""

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from api.ui.dashboard_page import ROOT
from fleet.tenants.authenticate import KeyDigest
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault

LIFETIME_S: Final = 12 * 3600
NAME: Final = "renderfleet"
NAME_BEHIND_TLS: Final = f"__Host-{NAME}"
# Not the tenant's: the owner is known before the tenant is. Each key has a subject of its own.
_NO_TENANT: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class DashboardSession:
    """One signed-in browser.

    Attributes:
        digest: of the API key that has signed in.
        ends_at: Unix time in seconds.
    """

    digest: KeyDigest
    ends_at: float

    @classmethod
    def begin(cls, digest: KeyDigest) -> "DashboardSession":
        """A session that begins now."""
        return cls(digest, time.time() + LIFETIME_S)

    def seal(self, vault: Vault) -> str:
        """The value of the cookie."""
        words = json.dumps({"sha256": self.digest.secret_sha256.hex(), "ends_at": self.ends_at})
        return f"{self.digest.id}.{seal_text(vault, words, key_id=self.digest.id)}"


def session_of(request: Request, vault: Vault) -> DashboardSession | None:
    """The session of a request; None: there is none, it is over, or nobody here has sealed it."""
    value = request.cookies.get(NAME_BEHIND_TLS) or request.cookies.get(NAME) or ""
    key_id, _, sealed = value.partition(".")
    text = unseal_text(vault, sealed, key_id=key_id)
    if text is None:
        return None
    words = json.loads(text)
    session = DashboardSession(KeyDigest(key_id, bytes.fromhex(words["sha256"])), words["ends_at"])
    return session if session.ends_at > time.time() else None


def keep(answer: Response, session: DashboardSession, vault: Vault, *, is_behind_tls: bool) -> None:
    """Have the browser keep a session."""
    answer.set_cookie(
        NAME_BEHIND_TLS if is_behind_tls else NAME,
        session.seal(vault),
        max_age=LIFETIME_S,
        path="/" if is_behind_tls else ROOT,
        secure=is_behind_tls,
        httponly=True,
        samesite="strict",
    )


def drop(answer: Response) -> None:
    """Have the browser forget the session."""
    answer.delete_cookie(NAME, path=ROOT, httponly=True, samesite="strict")
    answer.delete_cookie(NAME_BEHIND_TLS, path="/", secure=True, httponly=True, samesite="strict")


def seal_text(vault: Vault, text: str, *, key_id: str) -> str:
    """A text as the value of a cookie that only this fleet can make and read, for one API key."""
    sealed = vault.seal(text.encode(), owner=_owner(key_id))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal_text(vault: Vault, value: str, *, key_id: str) -> str | None:
    """What `seal_text` has sealed; None: nobody here has sealed it, or for another key."""
    try:
        sealed = base64.urlsafe_b64decode(f"{value}{'=' * (-len(value) % 4)}")
        return vault.unseal(sealed, owner=_owner(key_id)).decode()
    except (binascii.Error, ValueError, UnsealError):
        return None


def _owner(key_id: str) -> SecretOwner:
    return SecretOwner(Purpose.SESSION, _NO_TENANT, key_id)
