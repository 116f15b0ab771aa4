"""Follows the requests of a page, and keeps what they were answered with, if that is wanted."""

import asyncio
import base64
import hashlib
import mimetypes
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from worker.browser.devtools import DevToolsError, Params
from worker.browser.page import Page
from worker.render.evidence.exchange import DECODED, Exchange
from worker.render.evidence.redaction import Redactor

# So many bodies are read from Chromium at once: each is a message as large as itself.
_READ_AT_ONCE: Final = 4
_DOCUMENT: Final = "Document"
_WEB: Final = ("http://", "https://")
# Answers to these have no body. Chromium sends OPTIONS by itself before other requests, and shows no body
# of its answer.
_METHODS_WITHOUT_BODY: Final = frozenset({"HEAD", "OPTIONS"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_WITHOUT_BODY: Final = frozenset({204, 205, 304}) | _REDIRECTS


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """How much is kept of one render.

    Attributes:
        max_bytes: of all files together, before they are packed.
        max_requests: of the page.
    """

    max_bytes: int
    max_requests: int


class Traffic:
    """The requests of one page.

    Attributes:
        exchanges: in the order in which they began.
        left_out: how often something was left out, by its reason.
        bytes_left: so much more may be kept.
        received_bytes: so much the page was answered with.
        redacted: how many bodies had a secret in them.
    """

    def __init__(
        self, page: Page, redactor: Redactor, folder: Path, limits: EvidenceLimits, *, with_bodies: bool
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.left_out: Counter[str] = Counter()
        self.bytes_left = limits.max_bytes
        self.received_bytes = 0
        self.redacted = 0
        self._page = page
        self._redactor = redactor
        self._folder = folder
        self._limits = limits
        self._with_bodies = with_bodies
        self._open: dict[str, Exchange] = {}
        # What was really sent and received comes in events of its own, in order, before or after the others.
        self._hops: dict[str, list[Exchange]] = {}
        self._sent: dict[str, list[dict[str, str]]] = {}
        self._received: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_READ_AT_ONCE)

    async def follow(self) -> None:
        """Have the browser report every request. Call this before anything is loaded.

        Raises:
            DevToolsError: the page or its browser ended.
        """
        listeners: dict[str, Callable[[Params], None]] = {
            "requestWillBeSent": self._began,
            "requestWillBeSentExtraInfo": self._was_sent,
            "responseReceived": self._answered,
            "responseReceivedExtraInfo": self._was_received,
            "dataReceived": self._data_came,
            "loadingFinished": self._finished,
            "loadingFailed": self._failed,
            "requestServedFromCache": self._from_cache,
        }
        for event, listener in listeners.items():
            self._page.on(f"Network.{event}", listener)
        if self._with_bodies:
            self._page.network.kept_bytes = self._limits.max_bytes
        await self._page.network.report()

    async def settle(self) -> None:
        """Wait until all bodies that have come are read, then put together what belongs together."""
        while self._reading:
            await asyncio.wait(tuple(self._reading))
        for request_id, hops in self._hops.items():
            for hop, sent in zip(hops, self._sent.get(request_id, ()), strict=False):
                hop.sent = sent
            for hop, (status, received) in zip(hops, self._received.get(request_id, ()), strict=False):
                hop.received = received
                # The page itself does not see that its cache was asked, and still good.
                hop.status = hop.status if status == HTTPStatus.NOT_MODIFIED else status

        if self._with_bodies:
            self._note_left_documents()

    def _note_left_documents(self) -> None:
        """Note where documents led that were left before their end: their bodies cannot be read."""
        followers: dict[str, Exchange] = {}
        for exchange in reversed(self.exchanges):
            if exchange.kind != _DOCUMENT:
                continue
            follower = followers.get(exchange.frame)
            if follower and exchange.status not in _WITHOUT_BODY and exchange.status and not exchange.body:
                exchange.led_to, exchange.lacks_body = follower.url, False
            followers[exchange.frame] = exchange

    def _began(self, params: Params) -> None:
        request_id, request = params["requestId"], params["request"]
        if (redirect := params.get("redirectResponse")) and (before := self._open.pop(request_id, None)):
            before.answered(redirect | {"headers": self._fields(redirect)})
            before.ended_at = params["timestamp"]
        if not request["url"].startswith(_WEB):
            return
        is_too_many = len(self.exchanges) >= self._limits.max_requests
        # A page may make each address and each header as long as Chromium allows: 2 MB and 256 KB.
        if is_too_many or not self._takes(len(request["url"]) + _size(request["headers"])):
            self.left_out["requests"] += 1
            return
        exchange = Exchange(
            url=self._redactor.text(request["url"]),
            method=request["method"],
            kind=params.get("type", ""),
            wall_time=params["wallTime"],
            began_at=params["timestamp"],
            sent=dict(request["headers"]),
            frame=params.get("frameId", ""),
            has_sent_body=bool(request.get("hasPostData")),
        )
        self.exchanges.append(exchange)
        self._open[request_id] = exchange
        self._hops.setdefault(request_id, []).append(exchange)

    def _was_sent(self, params: Params) -> None:
        if self._is_kept(params["requestId"]):
            self._sent.setdefault(params["requestId"], []).append(self._fields(params))

    def _was_received(self, params: Params) -> None:
        if self._is_kept(params["requestId"]):
            found = params["statusCode"], self._fields(params)
            self._received.setdefault(params["requestId"], []).append(found)

    def _is_kept(self, request_id: str) -> bool:
        """Whether a request may be one of those that are kept: its own event may come later."""
        return request_id in self._hops or len(self.exchanges) < self._limits.max_requests

    def _answered(self, params: Params) -> None:
        if exchange := self._open.get(params["requestId"]):
            exchange.answered(params["response"] | {"headers": self._fields(params["response"])})

    def _fields(self, holder: Params) -> dict[str, str]:
        """The header fields of a message; none if there is no room for them."""
        fields: dict[str, str] = holder.get("headers", {})
        if self._takes(_size(fields)):
            return fields
        self.left_out["fields"] += 1
        return {}

    def _takes(self, size: int) -> bool:
        """Take so many bytes off what may be kept. False: there are not as many left."""
        has_room = size <= self.bytes_left
        self.bytes_left -= size if has_room else 0
        return has_room

    def _data_came(self, params: Params) -> None:
        self.received_bytes += params["dataLength"]
        if exchange := self._open.get(params["requestId"]):
            exchange.received_bytes += params["dataLength"]

    def _from_cache(self, params: Params) -> None:
        if exchange := self._open.get(params["requestId"]):
            exchange.is_from_cache = True

    def _failed(self, params: Params) -> None:
        if exchange := self._open.pop(params["requestId"], None):
            exchange.ended_at = params["timestamp"]
            if params.get("canceled") and exchange.status:
                return  # the page had its answer, and did not want to read it
            exchange.failure = params.get("blockedReason") or params["errorText"] or "canceled"

    def _finished(self, params: Params) -> None:
        exchange = self._open.pop(params["requestId"], None)
        if exchange is None:
            return
        exchange.ended_at = params["timestamp"]
        exchange.transferred_bytes = round(params["encodedDataLength"])
        if (
            not self._with_bodies
            or exchange.status in _WITHOUT_BODY
            or exchange.method in _METHODS_WITHOUT_BODY
        ):
            return
        exchange.lacks_body = True
        # The whole is taken off before it is read, since others are read at the same time.
        if not self._takes(exchange.received_bytes):
            self.left_out["bodies"] += 1
            return
        task = asyncio.create_task(self._read(params["requestId"], exchange))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, request_id: str, exchange: Exchange) -> None:
        async with self._turns:
            try:
                answer = await self._page.send("Network.getResponseBody", requestId=request_id)
            except DevToolsError:
                # Chromium did not keep it: nobody has read it to its end, or the page has ended.
                self.left_out["bodies that Chromium has dropped"] += 1
                return
            try:
                await asyncio.to_thread(self._keep, exchange, answer)
            except OSError:
                self.left_out["bodies for which the disk had no space"] += 1

    def _keep(self, exchange: Exchange, answer: dict[str, Any]) -> None:
        is_binary = answer["base64Encoded"]
        raw = base64.b64decode(answer["body"]) if is_binary else answer["body"].encode(errors="replace")
        if exchange.received_bytes and not raw:
            return  # it was left before its end, and Chromium has nothing of it
        data = self._redactor.data(raw)
        self.redacted += data != raw
        extension = mimetypes.guess_extension(exchange.mime_type, strict=False) or ".bin"
        exchange.body = f"{hashlib.sha256(data).hexdigest()[:40]}{extension}"
        exchange.body_bytes = len(data)
        path = self._folder / exchange.body
        if not path.exists():
            path.write_bytes(data)
        if not is_binary and exchange.mime_type:
            exchange.mime_type = f"{exchange.mime_type.partition(';')[0]}{DECODED}"
        exchange.lacks_body = False


def _size(fields: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in fields.items())
