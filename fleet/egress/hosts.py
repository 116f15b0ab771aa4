"""Hosts as text, and patterns: `example.com` is that host alone, `*.example.com` all that is below (pure)."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from pydantic_core import Url

MAX_PATTERN_LENGTH: Final = 255
# As far as Chromium and fleet/egress/policy.py agree on what a name is.
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class HostPatterns:
    """A set of patterns. Asking costs one look-up a label, however many patterns there are."""

    __slots__ = ("_below", "_exact")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Read the patterns.

        Raises:
            ValueError: one of them is no pattern; the words name it and what is allowed.
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
        """Whether a host, in lower case as a parsed address has it, fits one of the patterns."""
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
        """What fits one of the two."""
        both = HostPatterns()
        both._exact = self._exact | other._exact
        both._below = self._below | other._below
        return both

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same patterns."""
        if not isinstance(other, HostPatterns):
            return NotImplemented
        return self._exact == other._exact and self._below == other._below

    def __hash__(self) -> int:
        """Equal sets have equal hashes."""
        return hash((self._exact, self._below))


def normal_pattern(pattern: str) -> str:
    """A pattern as it is compared: lower case, ASCII (`*.bücher.example` is `*.xn--bcher-kva.example`).

    Raises:
        ValueError: it is no pattern; the words name it and what is allowed.
    """
    wildcard, name = ("*.", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    host = _host(name) if len(pattern) <= MAX_PATTERN_LENGTH else None
    if host is None or (wildcard and is_address(host)):
        raise ValueError(
            f"{pattern[:MAX_PATTERN_LENGTH]!r} is no pattern of hosts: give a host such as ads.example.com, "
            "or *.example.com for everything below example.com, without scheme, port and path"
        )
    return wildcard + host


def _host(name: str) -> str | None:
    """The host as an address of the web would have it; None when it is none."""
    bracketed = f"[{name}]" if ":" in name and not name.startswith("[") else name
    try:
        # A slash, a question mark or an @ would end or move the host.
        if not name or re.search(r"[/?#@\\\s%*]", name):
            return None
        url = Url(f"http://{bracketed}/")
        if url.port != 80 or url.username or url.path != "/":  # noqa: PLR2004 - the scheme's own
            return None
    except ValueError:
        return None
    host = without_brackets(url.host or "").removesuffix(".")
    return host if is_address(host) or _NAME.fullmatch(host) else None


def is_address(host: str) -> bool:
    """Whether a host, without brackets, is an address and not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def without_brackets(host: str) -> str:
    """A host as it is compared: an IPv6 address of an address of the web loses its brackets."""
    return host.removeprefix("[").removesuffix("]")


def authority(host: str, port: int) -> str:
    """Host and port as they are written (RFC 3986, section 3.2): IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
