"""Headers that every answer carries unless its route has said otherwise: what browsers may do with it.

The list is that of OWASP's REST Security Cheat Sheet, section "Security Headers", with Referrer-Policy and
Cross-Origin-Resource-Policy besides. `Strict-Transport-Security` is not among them: it means nothing over
plain HTTP (RFC 6797, section 7.2) and belongs to the proxy that ends TLS.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

CONTENT_SECURITY_POLICY: Final = "content-security-policy"
# Nothing is loaded, run, framed or sent by what is read as a page though it is none.
NO_CONTENT: Final = "default-src 'none'; frame-ancestors 'none'"

# In the scope of a call: headers that its answer carries besides, whatever the answer will be.
ANSWER_HEADERS: Final = "renderfleet.answer_headers"

# Documents hold presigned addresses, which are as good as keys, and keys themselves once: no cache keeps one.
_DEFAULTS: Final[RawHeaders] = [
    (b"cache-control", b"no-store"),
    (CONTENT_SECURITY_POLICY.encode(), NO_CONTENT.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


def with_defaults(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """These headers, and each default whose name is not among them."""
    own = list(headers)
    names = {name.lower() for name, _ in own}
    return own + [default for default in _DEFAULTS if default[0] not in names]
