"""Security headers: every answer gets them, unless its route sets them itself.

The list is from OWASP's REST Security Cheat Sheet, section "Security Headers", plus Referrer-Policy and
Cross-Origin-Resource-Policy. `Strict-Transport-Security` is not in it: browsers ignore it over plain HTTP
(RFC 6797, section 8.1), so the proxy in front, which speaks TLS, has to send it.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from fleet.render.link_signature import PATHS

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

CONTENT_SECURITY_POLICY: Final = "content-security-policy"
# If a browser shows an answer as a page, that page may load, run, frame and send nothing.
NO_CONTENT: Final = "default-src 'none'; frame-ancestors 'none'"

# The key in the scope of a call under which more headers of its answer are, whatever the answer is.
ANSWER_HEADERS: Final = "renderfleet.answer_headers"

# Answers can contain API keys and presigned addresses, so no cache may keep them.
_DEFAULTS: Final[RawHeaders] = [
    (b"cache-control", b"no-store"),
    (CONTENT_SECURITY_POLICY.encode(), NO_CONTENT.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]

# Pages of any site may show what a signed link leads to. A refusal needs the same headers as the picture:
# without them, browsers tell the author of the page only `ERR_BLOCKED_BY_RESPONSE.NotSameOrigin`.
# `frame-ancestors` overrides X-Frame-Options (CSP, 7.7.1).
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
    # A request that was refused before its path was read has sent no key, so the answer has no secret.
    for defaults in (_OF_LINKS if path in PATHS or not path else (), _DEFAULTS):
        names = {name.lower() for name, _ in answer}
        answer += [default for default in defaults if default[0] not in names]
    return answer
