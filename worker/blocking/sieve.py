"""Decides for one page what is refused, and remembers it.

Three parts of the worker ask it. The egress proxy, about each host (all that it sees of https) and each whole
address of plain http. The browser, about the few https requests that it stops (`patterns`). And the end of
the render, which counts, and does not call a failure what was refused on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from fleet.egress.hosts import without_brackets
from fleet.egress.request_patterns import RequestPatterns, target_of
from fleet.filters.store import ListName
from worker.blocking import kinds, watched
from worker.blocking.list_engine import ListEngine

Params = dict[str, Any]
_HTTPS: Final = "https://"
_OF_MEDIA: Final = ("media",)
# So many refused addresses are remembered of one page; further ones are only counted.
_MAX_REMEMBERED: Final = 2_000


class RefusedBy(StrEnum):
    """The option by which a request is refused."""

    PATTERN = "block_requests"
    ADS = "block_ads"
    TRACKERS = "block_trackers"
    KIND = "block_resources"


_REASONS: Final = {ListName.ADS: RefusedBy.ADS, ListName.TRACKERS: RefusedBy.TRACKERS}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be refused.

    Attributes:
        page: the address of the page; empty: it has none.
        block: the caller's own patterns.
        allow: what is let through, whatever else would refuse it.
        lists: those that were asked for.
        kinds: kinds of requests, as the DevTools protocol names them.
    """

    page: str
    block: RequestPatterns = field(default_factory=RequestPatterns)
    allow: RequestPatterns = field(default_factory=RequestPatterns)
    lists: Mapping[ListName, ListEngine] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()


class Sieve:
    """The decisions about one page."""

    def __init__(
        self,
        wishes: Wishes,
        note: Callable[[RefusedBy], None],
        *,
        note_cut: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Refuse nothing yet.

        Args:
            wishes: what is to be refused.
            note: called for each request that is.
            note_cut: called with the length of each answer that was cut off after its head.
        """
        self._wishes = wishes
        self._note = note
        self._note_cut = note_cut
        self._before_tunnel: Callable[[], Awaitable[None]] | None = None
        self._preparing = asyncio.Lock()
        self._page_host = _host(wishes.page)
        self._refused: dict[str, RefusedBy] = {}

    def refusal(self, host: str, url: str, accept: str) -> str | None:
        """See `worker.egress.terms.Unwanted`."""
        if not url:
            reason = self._of_host(host)
        else:
            of_kinds = kinds.of_plain_request(url, accept)
            is_page = accept.startswith("text/html") and host == self._page_host
            reason = self._of_request(url, of_kinds, is_page=is_page)
            if of_kinds == _OF_MEDIA and kinds.MEDIA in self._wishes.kinds and not self._is_allowed(url):
                reason = RefusedBy.KIND
        return None if reason is None else self._refuse(reason, url or f"{_HTTPS}{host}")

    def refusal_of_answer(self, url: str, accept: str, content_type: str, length: int) -> str | None:
        """See `worker.egress.terms.Unwanted`: video and audio of plain http."""
        if kinds.MEDIA not in self._wishes.kinds or not kinds.is_media(content_type):
            return None
        if accept.startswith("text/html") or self._is_allowed(url):
            return None  # the address of the page may itself be a video, which it shows then
        if url not in self._refused:
            self._note_cut(length)
        return self._refuse(RefusedBy.KIND, url)

    def call_before_tunnels(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Call `prepare` once, before the first tunnel of the page is opened, which waits for it."""
        self._before_tunnel = prepare

    async def tunnel_opens(self) -> None:
        """See `worker.egress.terms.Unwanted`."""
        async with self._preparing:
            prepare, self._before_tunnel = self._before_tunnel, None
            if prepare is not None:
                await prepare()

    @property
    def is_of_tunnels(self) -> bool:
        """Whether the browser need stop nothing before the page opens its first tunnel.

        The proxy sees plain http itself. What the caller has named is stopped from the beginning in any case.
        """
        wishes = self._wishes
        own = [*wishes.block.addresses(), *wishes.allow.addresses()]
        is_named = own or wishes.allow.has_paths_everywhere or wishes.allow.hosts_with_paths
        return wishes.page.startswith("http://") and not is_named and wishes.kinds <= {kinds.MEDIA}

    def refuses(self, request: Params, kind: str, *, is_page: bool) -> bool:
        """Decide about a request that the browser has stopped.

        Args:
            request: `Network.Request` of the DevTools protocol.
            kind: its `Network.ResourceType`.
            is_page: whether it is for the page itself, which lists never refuse.
        """
        url = request["url"]
        if kind in self._wishes.kinds and not self._is_allowed(url):
            reason: RefusedBy | None = RefusedBy.KIND
        else:
            reason = self._of_request(url, (kinds.of_protocol(kind),), is_page=is_page)
        return reason is not None and bool(self._refuse(reason, url))

    def has_refused(self, url: str) -> bool:
        """Whether a request failed because it was refused."""
        return self.refused_by(url) is not None

    def refused_by(self, url: str) -> RefusedBy | None:
        """The option by which a request to this address was refused; None: it was not."""
        return self._refused.get(url) or self._refused.get(f"{_HTTPS}{_host(url)}")

    def patterns(self) -> list[dict[str, str]]:
        """The requests that the browser has to stop, as `Fetch.RequestPattern` of the DevTools protocol."""
        of_kinds = [{"urlPattern": "*", "resourceType": kind} for kind in sorted(self._wishes.kinds)]
        return [*({"urlPattern": one} for one in dict.fromkeys(self._addresses())), *of_kinds]

    def _addresses(self) -> Iterator[str]:
        wishes = self._wishes
        for given in (wishes.block.addresses(), wishes.allow.addresses()):
            yield from (one.replace("*://", _HTTPS, 1) for one in map(watched.escaped, given))
        if wishes.allow.has_paths_everywhere:
            yield f"{_HTTPS}*"
        if wishes.lists:
            hosts = (host for one in wishes.lists.values() for host in one.watched)
            yield from watched.patterns(sorted(hosts))
        for host in wishes.allow.hosts_with_paths:
            yield f"{_HTTPS}*{host}*"

    def _of_host(self, host: str) -> RefusedBy | None:
        wishes = self._wishes
        if host in wishes.allow.hosts or wishes.allow.has_path_at(host):
            return None
        if host in wishes.block.hosts:
            return RefusedBy.PATTERN
        if host == self._page_host:
            return None
        return next(
            (_REASONS[name] for name, one in wishes.lists.items() if one.blocks_host(host, wishes.page)), None
        )

    def _of_request(self, url: str, of_kinds: tuple[str, ...], *, is_page: bool) -> RefusedBy | None:
        wishes = self._wishes
        if self._is_allowed(url):
            return None
        if wishes.block.match(_host(url), target_of(url)):
            return RefusedBy.PATTERN
        if is_page:
            return None
        for name, one in wishes.lists.items():
            if any(one.blocks(url, wishes.page, kind) for kind in of_kinds):
                return _REASONS[name]
        return None

    def _is_allowed(self, url: str) -> bool:
        return bool(self._wishes.allow) and self._wishes.allow.match(_host(url), target_of(url))

    def _refuse(self, reason: RefusedBy, what: str) -> str:
        self._note(reason)
        if len(self._refused) < _MAX_REMEMBERED:
            self._refused[what] = reason
        verb = "is in" if reason is RefusedBy.PATTERN else "is kept out by"
        return f"The page led to an address that {verb} `{reason}`."


def _host(url: str) -> str:
    try:
        return without_brackets(urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return ""
