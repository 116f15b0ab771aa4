"""Patterns of requests: a host, a path, or both, with `*` for any characters (pure).

`ads.example.com` and `*.example.com` name hosts, `example.com/ads/*` what lies there below `/ads/`, and
`*/ads/*` the same at every host. A path is compared with path and query as a whole.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from fleet.egress.hosts import MAX_PATTERN_LENGTH, HostPatterns, normal_pattern

ANY: Final = "*"
_MAX_LENGTH: Final = 500
# Characters that no address has (RFC 3986, section 2), and of which regular expressions are made.
_FOREIGN: Final = frozenset('\\^[]{}|<>"` \t\r\n')
_WHAT_IS: Final = (
    "give a host such as ads.example.com or *.example.com, with a path such as example.com/ads/*, or "
    "*/ads/* for every host, always without scheme and port; `*` stands for any characters"
)


class RequestPatterns:
    """A set of patterns, asked by the host alone or by a whole request.

    Attributes:
        hosts: the patterns without a path.
    """

    __slots__ = ("_any", "_below", "_exact", "hosts")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Read the patterns.

        Raises:
            ValueError: one of them is not a pattern; the message names it and says what is allowed.
        """
        whole: list[str] = []
        self._any: list[tuple[str, ...]] = []
        self._exact: dict[str, list[tuple[str, ...]]] = {}
        self._below: dict[str, list[tuple[str, ...]]] = {}
        for pattern in patterns:
            host, slash, path = normal_request_pattern(pattern).partition("/")
            pieces = tuple(f"/{path}".split(ANY))
            if not slash:
                whole.append(host)
            elif host == ANY:
                self._any.append(pieces)
            elif host.startswith("*."):
                self._below.setdefault(host[2:], []).append(pieces)
            else:
                self._exact.setdefault(host, []).append(pieces)
        self.hosts = HostPatterns(whole)

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self.hosts or self.has_paths)

    @property
    def has_paths(self) -> bool:
        """Whether any pattern has a path, so that knowing the host is not enough."""
        return bool(self._any or self._exact or self._below)

    @property
    def has_paths_everywhere(self) -> bool:
        """Whether a pattern with a path is for every host."""
        return bool(self._any)

    @property
    def hosts_with_paths(self) -> set[str]:
        """The hosts that patterns with a path name."""
        return self._exact.keys() | self._below.keys()

    def has_path_at(self, host: str) -> bool:
        """Whether a pattern with a path may match at a host."""
        return any(True for _ in self._of(host.removesuffix(".")))

    def match(self, host: str, target: str) -> bool:
        """Whether a request matches.

        Args:
            host: in lower case, as in a parsed address.
            target: path and query.
        """
        name = host.removesuffix(".")
        return name in self.hosts or any(_is_like(target, pieces) for pieces in self._of(name))

    def _of(self, host: str) -> Iterator[tuple[str, ...]]:
        yield from self._any
        yield from self._exact.get(host, ())
        _, dot, parent = host.partition(".") if self._below else ("", "", "")
        while dot:
            yield from self._below.get(parent, ())
            _, dot, parent = parent.partition(".")

    def addresses(self) -> Iterator[str]:
        """The patterns with a path as patterns of whole addresses, which match at least as much.

        They have only `*` as wildcard; each scheme and port matches.
        """
        for pieces in self._any:
            yield f"*://*{ANY.join(pieces)}"
        for host, paths in self._exact.items():
            for pieces in paths:
                yield f"*://{host}*{ANY.join(pieces)}"
        for host, paths in self._below.items():
            for pieces in paths:
                yield f"*://*.{host}*{ANY.join(pieces)}"


def normal_request_pattern(pattern: str) -> str:
    """A pattern with its host in lower case and ASCII, and without the fragment that no request has.

    Raises:
        ValueError: it is not a pattern; the message names it and says what is allowed.
    """
    host, slash, path = pattern.partition("/")
    shown = repr(pattern[:MAX_PATTERN_LENGTH])
    if len(pattern) > _MAX_LENGTH or not path.isascii() or "#" in path:
        raise ValueError(
            f"{shown} is not a pattern of requests: it has at most {_MAX_LENGTH} characters, those of the "
            "path are ASCII (others are written as %C3%A9), and none of them is #"
        )
    is_everywhere = host == ANY and bool(slash)
    if is_everywhere and not path.strip(ANY):
        raise ValueError(f"{shown} would match every request")
    try:
        if _FOREIGN.intersection(path):
            raise ValueError(path)
        return pattern if is_everywhere else f"{normal_pattern(host)}{slash}{path}"
    except ValueError as error:
        raise ValueError(
            f"{shown} is not a pattern of requests, and regular expressions are not read: {_WHAT_IS}"
        ) from error


def target_of(url: str) -> str:
    """Path and query of an address."""
    _, _, rest = url.partition("://")
    at = min((found for found in (rest.find("/"), rest.find("?")) if found >= 0), default=len(rest))
    path = rest[at:].partition("#")[0]
    return path if path.startswith("/") else f"/{path}"


def _is_like(text: str, pieces: tuple[str, ...]) -> bool:
    """Whether a text has these pieces in this order, the first at its begin and the last at its end.

    No regular expression: with many `*` one takes time that grows with a power of the text's length, and
    pages choose their addresses.
    """
    first, *middle = pieces
    if not middle:
        return text == first
    last = middle.pop()
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at = len(first)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end
