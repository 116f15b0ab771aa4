"""Asks one list about hosts, requests and elements of a page."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import adblock

from fleet.filters.compiled import CompiledList

# Of a page that has no address of its own, such as the caller's HTML: every host is another site's.
_NOWHERE: Final = "https://renderfleet.invalid/"


class ListEngine:
    """A list that is loaded. Its answers depend on the request and on the page that asks.

    Attributes:
        watched: see `fleet.filters.rules.Rules.watched`.
    """

    def __init__(self, compiled: CompiledList) -> None:
        self._list = compiled
        self.watched = compiled.watched

    def blocks_host(self, host: str, page: str) -> bool:
        """Whether everything at a host is refused.

        Args:
            host: in lower case.
            page: the address of the page; empty: it has none.
        """
        for name in _upwards(host):
            is_listed = name in self._list.hosts or (
                name in self._list.third_party and _is_third_party(host, page)
            )
            if is_listed and not self._excepts(name, page):
                return True
        return False

    def blocks(self, url: str, page: str, kind: str) -> bool:
        """Whether a request is refused, also for its path.

        Args:
            url: the whole address.
            page: as above.
            kind: as the engine names it: `script`, `image`, `xmlhttprequest` and so on.
        """
        host = urlsplit(url).hostname or ""
        return (
            self.blocks_host(host, page)
            or self._list.engine.check_network_urls(url, page or _NOWHERE, kind).matched
        )

    def hidden_always(self, page: str) -> tuple[list[str], set[str]]:
        """What is hidden on a page whatever is in it.

        Returns:
            Selectors, and selectors that are excepted.
        """
        found = self._list.engine.url_cosmetic_resources(page or _NOWHERE)
        return sorted(found.hide_selectors), found.exceptions

    def hidden_among(self, classes: Collection[str], ids: Collection[str], excepted: set[str]) -> list[str]:
        """What is hidden of a page that has these classes and ids."""
        return self._list.engine.hidden_class_id_selectors(list(classes), list(ids), excepted)

    def _excepts(self, name: str, page: str) -> bool:
        if name not in self._list.exceptions:
            return False
        sites = self._list.exceptions[name]
        return sites is None or not _sites_of(page).isdisjoint(sites)


def _upwards(host: str) -> Iterator[str]:
    dot = "."
    while dot:
        yield host
        _, dot, host = host.partition(".")


@cache
def _third_party_engine() -> adblock.Engine:
    """Knows nothing but what another site is: the engine has the list of public suffixes in itself."""
    filters = adblock.FilterSet()
    filters.add_filters(["*$third-party"])
    return adblock.Engine(filters)


def _is_third_party(host: str, page: str) -> bool:
    return _third_party_engine().check_network_urls(f"https://{host}/", page or _NOWHERE, "other").matched


def _sites_of(page: str) -> frozenset[str]:
    return frozenset(_upwards(urlsplit(page).hostname or ""))
