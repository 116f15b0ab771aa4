"""Host patterns: `example.com` matches that host only, `*.example.com` matches all hosts below it (pure)."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from pydantic_core import Url

MAX_PATTERN_LENGTH: Final = 255
# Names that Chromium and fleet/egress/policy.py read in the same way.
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class HostPatterns:
    """A set of patterns. A check costs one lookup per label of the host, however many patterns there are."""

    __slots__ = ("_below", "_exact")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Read the patterns.

        Raises:
            ValueError: one of them is not a pattern; the message names it and says what is allowed.
        """
        exact, below = set(), set()
        for pattern in patterns:
            normal = normal_pattern(pattern)
            if normal.startswith("*."):
                below.add(normal[2:])
            else:
                exact.add(normal)
        self._exact = frozenset(exact)
        self._below = frozenset(below)

    def __contains__(self, host: object) -> bool:
        """Whether a host (in lower case, as in a parsed address) matches one of the patterns."""
        if not isinstance(host, str):
            return False
        name = host.removesuffix(".")
        if name in self._exact:
            return True
        if not self._below:
            return False
        _, dot, parent = name.partition(".")
        while dot:
            if parent in self._below:
                return True
            _, dot, parent = parent.partition(".")
        return False

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self._exact or self._below)

    def __or__(self, other: "HostPatterns") -> "HostPatterns":
        """The patterns of both sets."""
        both = HostPatterns()
        both._exact = self._exact | other._exact
        both._below = self._below | other._below
        return both

    def __eq__(self, other: object) -> bool:
        """Whether both have the same patterns."""
        if not isinstance(other, HostPatterns):
            return NotImplemented
        return self._exact == other._exact and self._below == other._below

    def __hash__(self) -> int:
        """Equal sets have equal hashes."""
        return hash((self._exact, self._below))


def normal_pattern(pattern: str) -> str:
    """A pattern in lower case and ASCII: `*.Bücher.example` becomes `*.xn--bcher-kva.example`.

    Raises:
        ValueError: it is not a pattern; the message names it and says what is allowed.
    """
    wildcard, name = ("*.", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    host = _host(name) if len(pattern) <= MAX_PATTERN_LENGTH else None
    if host is None or (wildcard and is_address(host)):
        raise ValueError(
            f"{pattern[:MAX_PATTERN_LENGTH]!r} is not a host pattern: give a host such as ads.example.com, "
            "or *.example.com for all hosts below example.com, without scheme, port and path"
        )
    return wildcard + host


def _host(name: str) -> str | None:
    """The host as it is written in a URL; None when it is not a host."""
    bracketed = f"[{name}]" if ":" in name and not name.startswith("[") else name
    try:
        # In a URL the host ends at a slash or a question mark, and begins after an @.
        if not name or re.search(r"[/?#@\\\s%*]", name):
            return None
        url = Url(f"http://{bracketed}/")
        if url.port != 80 or url.username or url.path != "/":  # noqa: PLR2004 - the default port of http
            return None
    except ValueError:
        return None
    host = without_brackets(url.host or "").removesuffix(".")
    return host if is_address(host) or _NAME.fullmatch(host) else None


def is_address(host: str) -> bool:
    """Whether a host (without brackets) is an IP address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def without_brackets(host: str) -> str:
    """A host without the brackets that an IPv6 address has in a URL."""
    return host.removeprefix("[").removesuffix("]")


def authority(host: str, port: int) -> str:
    """Host and port as they are written in a URL, IPv6 in brackets (RFC 3986, section 3.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
