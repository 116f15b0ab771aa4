"""Reads a list in the format of Adblock Plus, and divides it (pure).

Five of six rules name a whole host. Such rules need no engine: a look-up in a set is enough, the host is all
that the egress proxy sees of https, and a set takes a fifth of the memory. What is left goes to the engine.
Together they decide as the engine does with the whole list (tests/bench/cases/render/block_lists.py).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fleet.filters.errors import FilterListError

# The shortest list that is taken for one. EasyList has 90,000 rules, EasyPrivacy 55,000.
_FEWEST_RULES: Final = 100
_MANY: Final = 8
_HOST_RULE: Final = re.compile(r"\|\|([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)\^(?:\$(third-party))?")
_EXCEPTION: Final = re.compile(r"@@\|\|([a-z0-9_.-]+)[^$]*(?:\$(.*))?")
_COSMETIC: Final = re.compile(r"#[@?$%]*#")
# Rules about windows and whole documents: a render opens no windows, and its document is what was asked for.
_NOT_OF_PARTS: Final = frozenset({"popup", "document", "third-party", "~third-party"})
# Options of exceptions that let no request through.
_NO_MATTER: Final = frozenset(
    {"popup", "document", "generichide", "elemhide", "specifichide", "ghide", "ehide", "shide"}
)
_HEADER: Final = re.compile(r"!\s*(Title|Version|Last modified|Homepage|Licen[cs]e):\s*(.+)")


@dataclass(frozen=True, slots=True)
class Rules:
    """A list, divided.

    Attributes:
        hosts: everything at and below these hosts is refused.
        third_party: the same, if the page is of another site.
        exceptions: of a host in one of these sets, the sites of the pages for which a rule makes an
            exception; None: for every page.
        watched: hosts of which only the engine knows what is refused: an exception is for every page.
        rest: the rules for the engine, with those that exceptions concern.
        count: rules in all.
        title: what the list calls itself.
        homepage: where it comes from.
    """

    hosts: frozenset[str]
    third_party: frozenset[str]
    exceptions: dict[str, tuple[str, ...] | None]
    watched: tuple[str, ...]
    rest: tuple[str, ...]
    count: int
    title: str = ""
    homepage: str = ""


class _Exceptions:
    """The exceptions of a list, by the host that they name."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._sites: dict[str, set[str] | None] = {}
        self._below: dict[str, list[str]] = {}
        for rule in rules:
            if rule.startswith("@@"):
                self._add(rule)
        for host in self._sites:
            for parent in _parents(host):
                self._below.setdefault(parent, []).append(host)

    def _add(self, rule: str) -> None:
        found = _EXCEPTION.match(rule)
        if found is None:
            return
        options = frozenset((found[2] or "").split(","))
        if found[2] and options <= _NO_MATTER:
            return
        domains = next((one[7:] for one in options if one.startswith("domain=")), "")
        names = {name for name in domains.split("|") if name and not name.startswith("~")}
        host = found[1].strip(".")
        known = self._sites.get(host, set())
        self._sites[host] = None if not names or known is None else known | names

    def related(self, host: str) -> list[tuple[str, set[str] | None]]:
        """The exceptions for something at, above or below a host: their hosts and sites."""
        names = [name for name in (host, *_parents(host)) if name in self._sites]
        return [(name, self._sites[name]) for name in (*names, *self._below.get(host, ()))]


def _parents(host: str) -> Iterator[str]:
    _, dot, parent = host.partition(".")
    while dot:
        yield parent
        _, dot, parent = parent.partition(".")


def parse(text: str) -> Rules:
    """Read a list.

    Raises:
        FilterListError: it is none, or is cut off.
    """
    _require_list(text)
    lines = [line for line in (line.strip() for line in text.splitlines()) if line]
    head = {found[1]: found[2] for line in lines[:30] if (found := _HEADER.match(line))}
    rules = [line for line in lines if line[0] not in "![" and not _is_of_windows(line)]
    if len(rules) < _FEWEST_RULES:
        raise FilterListError(f"it has {len(rules)} rules, and a list has {_FEWEST_RULES} at least")
    exceptions = _Exceptions(rules)
    hosts: set[str] = set()
    third_party: set[str] = set()
    rest: list[str] = []
    watched: dict[str, set[str]] = {}
    excepted: dict[str, tuple[str, ...] | None] = {}
    for line in rules:
        found = _HOST_RULE.fullmatch(line)
        if found is None:
            rest.append(line)
            continue
        host = found[1]
        (third_party if found[2] else hosts).add(host)
        if not (related := exceptions.related(host)):
            continue
        rest.append(line)
        sites = {site for _, names in related for site in names or ()}
        everywhere = [name for name, names in related if names is None]
        excepted[host] = None if everywhere else tuple(sorted(sites))
        for name in everywhere:
            watched.setdefault(name if host.endswith(name) else host, set()).add(host)
    return Rules(
        frozenset(hosts),
        frozenset(third_party - hosts),
        excepted,
        tuple(sorted(_few(watched))),
        tuple(rest),
        len(rules),
        title=head.get("Title", ""),
        homepage=head.get("Homepage", ""),
    )


def _few(watched: dict[str, set[str]]) -> set[str]:
    """The hosts themselves, or what they lie below where these are many, as at a content network."""
    return {name for above, hosts in watched.items() for name in ([above] if len(hosts) > _MANY else hosts)}


def _require_list(text: str) -> None:
    begin = text.lstrip("\ufeff \r\n")[:200].lower()
    if begin.startswith("<") or "<html" in begin:
        raise FilterListError("it is a page of HTML and no list")
    if not begin.startswith(("[adblock", "!")):
        raise FilterListError("it does not begin as a list of Adblock Plus does, with [Adblock or with !")
    if not text.endswith("\n"):
        raise FilterListError("it is cut off: its last line has no end")


def _is_of_windows(line: str) -> bool:
    """Whether a rule is about windows or whole documents only."""
    if _COSMETIC.search(line) or "$" not in line:
        return False
    options = line.rpartition("$")[2].split(",")
    kinds = {option for option in options if not option.startswith("domain=")}
    return bool(kinds & {"popup", "document"}) and kinds <= _NOT_OF_PARTS
