"""Headers that every answer carries unless its route has said otherwise: what browsers may do with it.

The list is that of OWASP's REST Security Cheat Sheet, section "Security Headers", with Referrer-Policy and
Cross-Origin-Resource-Policy besides. `Strict-Transport-Security` is not among them: it means nothing over
plain HTTP (RFC 6797, section 7.2) and belongs to the proxy that ends TLS.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from fleet.render.link_signature import PATHS

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

# Pages of any site show what links lead to. A refusal has to be as open as the picture: of one that is not,
# browsers tell a page's author nothing but `ERR_BLOCKED_BY_RESPONSE.NotSameOrigin`. `frame-ancestors`
# outranks X-Frame-Options (CSP, 7.7.1).
_OF_LINKS: Final[RawHeaders] = [
    (CONTENT_SECURITY_POLICY.encode(), b"default-src 'none'; frame-ancestors *"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]


def with_defaults(headers: Iterable[tuple[bytes, bytes]], *, path: str) -> RawHeaders:
    """These headers, and each default whose name is not among them.

    Args:
        headers: of an answer.
        path: that was called; empty when the request was refused before its path was read.
    """
    answer = list(headers)
    # Without a path nobody has said who calls, so the answer holds nothing that is anybody's.
    for defaults in (_OF_LINKS if path in PATHS or not path else (), _DEFAULTS):
        names = {name.lower() for name, _ in answer}
        answer += [default for default in defaults if default[0] not in names]
    return answer
