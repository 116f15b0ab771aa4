"""The changes of all jobs of a tenant as Server-Sent Events."""

import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.types import Receive, Scope, Send

from api.http.event_source import KEEPALIVE, EventSource
from api.jobs.tenant_feed import Listener
from fleet.jobs.changes import JobChange
from fleet.telemetry.logs import get_logger

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# The end of the year 9999, in microseconds.
_LARGEST: Final = 253_402_300_799 * 10**6
# Events in one piece.
_AT_ONCE: Final = 100

log = get_logger(__name__)


class TenantEventStream(EventSource):
    """An event for each change of a job, until the caller goes, its key ends or the process stops.

    The id of an event is the time of the latest change so far, in microseconds since 1970.
    """

    def __init__(self, listening: AbstractAsyncContextManager[Listener], *, keepalive_s: float) -> None:
        super().__init__(keepalive_s=keepalive_s)
        self._listening = listening
        self._latest = 0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with self._listening as listener:
                await self.begin(send)
                await self.put(send, self._beginning(listener))
                while True:
                    is_silent = not await self._tell(listener, send)
                    if not await listener.wait(timeout_s=self._keepalive_s, receive=receive):
                        return
                    if listener.is_over:
                        break
                    if is_silent:
                        await self.put(send, KEEPALIVE)
                await self.end(send)
        except TimeoutError:
            log.info("a caller takes no events, its stream is cut")

    async def _tell(self, listener: Listener, send: Send) -> bool:
        """Send what is new. Returns whether there was anything."""
        has_missed, listener.has_missed = listener.has_missed, False
        changes = listener.take()
        if has_missed:
            await self.put(send, f"id: {self._latest}\nevent: missed\ndata: {{}}\n\n".encode())
        for start in range(0, len(changes), _AT_ONCE):
            await self.put(send, b"".join(map(self._event, changes[start : start + _AT_ONCE])))
        return has_missed or bool(changes)

    def _beginning(self, listener: Listener) -> bytes:
        """What tells the caller that it is heard, before anything has happened.

        An id without data is no event, but a caller that comes back names it.
        """
        if not listener.is_new and not listener.has_missed:
            return KEEPALIVE
        self._latest = _microseconds(listener.began_at)
        return f"id: {self._latest}\n\n".encode()

    def _event(self, change: JobChange) -> bytes:
        self._latest = max(self._latest, _microseconds(change.at))
        document = {
            "id": str(change.id),
            "status": change.state,
            "attempt": change.attempt,
            "external_id": change.external_id,
            "at": change.at.isoformat(),
        }
        return f"id: {self._latest}\nevent: {change.state}\ndata: {json.dumps(document)}\n\n".encode()


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def time_of(event_id: str) -> datetime | None:
    """The time that the id of an event says. None: it is no such id."""
    if not (event_id.isascii() and event_id.isdecimal() and len(event_id) <= len(str(_LARGEST))):
        return None
    return _EPOCH + min(int(event_id), _LARGEST) * _MICROSECOND
