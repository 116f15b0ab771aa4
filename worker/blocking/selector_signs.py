"""Tells which of a list's selectors can meet an element of a page at all, from a few texts of the page.

The list of advertisements has about 460 selectors that hold on every page. To compare all of them with each
element took 11 ms of CPU on a page of 2,400 elements. Most of them ask for a part of a class, of an id or of
an address that the page does not have, so that nobody needs to ask Chromium.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

# A selector that begins with an attribute, perhaps after the name of an element: a[href^="https://x.example/"].
_ATTRIBUTE: Final = re.compile(
    r"""[\w-]*\[(?P<name>[\w-]+)(?:[*^$~|]?=(?P<quote>["'])(?P<text>[^"'\\\n]*)(?P=quote)\])?"""
)
# A selector of nothing but such attributes: the element itself has them, and not one before or around it.
_ONLY_ATTRIBUTES: Final = re.compile(r"[\w-]*(?:\[[^\]]*\])+")
# A page tells such parts of its addresses, and not the whole addresses.
_HOST: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")
# In large drawings most elements are of these, and no list has selectors for them.
_NOT_DRAWN: Final = (
    ":not(circle, ellipse, g, line, path, polygon, polyline, rect, stop, svg, text, tspan, use)"
)
# As many as several lists have.
_MOST_KNOWN: Final = 10_000


class PageTexts(NamedTuple):
    """What elements of a page have in these attributes, each text once.

    Attributes:
        classes: values of `class`.
        ids: values of `id`.
        hosts: all that looks like a host in values of `href`.
    """

    classes: Sequence[str]
    ids: Sequence[str]
    hosts: Sequence[str]


class _Sign(NamedTuple):
    """A text that an attribute of the page must have somewhere, if a selector is to meet an element."""

    attribute: str
    text: str


def without_signs(selectors: Iterable[str]) -> list[str]:
    """Those of which only the page itself can tell whether they meet an element."""
    return [selector for selector in selectors if _sign(selector) is None]


def possible(selectors: Iterable[str], texts: PageTexts) -> Iterator[str]:
    """Those of the others that may meet an element of a page with these texts."""
    found = {"class": "\n".join(texts.classes), "id": "\n".join(texts.ids), "href": "\n".join(texts.hosts)}
    for selector in selectors:
        sign = _sign(selector)
        if sign is not None and sign.text in found[sign.attribute]:
            yield selector


def joined(selectors: Iterable[str]) -> str:
    """One selector for all of them, made to be compared fast; empty: there are none.

    Those that ask for the same attribute are compared only with elements that have it.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for selector in selectors:
        match = _ATTRIBUTE.match(selector) if _ONLY_ATTRIBUTES.fullmatch(selector) else None
        groups[match["name"] if match else ""].append(selector)
    parts = groups.pop("", [])
    parts += [f"[{name}]:is({','.join(group)})" for name, group in groups.items()]
    return f"{_NOT_DRAWN}:is({','.join(parts)})" if parts else ""


@lru_cache(_MOST_KNOWN)
def _sign(selector: str) -> _Sign | None:
    match = _ATTRIBUTE.match(selector)
    if match is None or not match["text"]:
        return None
    name, text = match["name"], match["text"]
    if name == "href":
        text = max(_HOST.findall(text), key=len, default="")
    return _Sign(name, text) if text and name in {"class", "id", "href"} else None
