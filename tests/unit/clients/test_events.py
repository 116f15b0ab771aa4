"""Following all jobs: what events say, and how a stream that breaks is taken up again."""

import json
import time
from collections.abc import Iterator
from itertools import islice

import httpx2
import pytest

from renderfleet import AsyncClient, Client, ServerUnreachable
from renderfleet.error_types import Unauthorized
from renderfleet.models.events import JobEvent

UNAUTHORIZED = {
    "type": "unauthorized",
    "status": 401,
    "title": "T",
    "detail": "d",
    "request_id": "r",
    "errors": [],
}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of all pauses of blocking clients; nobody really waits."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def event(number: int, status: str = "queued") -> str:
    change = {
        "id": f"job-{number}",
        "status": status,
        "attempt": 0,
        "external_id": None,
        "at": "2026-01-31T12:00:00Z",
    }
    return f"id: {number}\nevent: {status}\ndata: {json.dumps(change)}\n\n"


class Streams:
    """Answers with streams that end, one after the other, and keeps what each was asked to begin after."""

    def __init__(self, *texts: str | int | Exception) -> None:
        self._texts: Iterator[str | int | Exception] = iter(texts)
        self.began_after: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/events"
        self.began_after.append(request.headers.get("last-event-id"))
        text = next(self._texts)
        if isinstance(text, Exception):
            raise text
        if isinstance(text, int):
            return httpx2.Response(text, json=UNAUTHORIZED)
        return httpx2.Response(200, text=text)

    def events(self, *, after: str | None = None, retry_for_s: float = 60) -> Iterator[JobEvent]:
        transport = httpx2.MockTransport(self)
        client = Client("http://a.example", "key", retry_for_s=retry_for_s, transport=transport)
        return client.events(after=after)


def ids(events: Iterator[JobEvent]) -> list[str | None]:
    return [None if one.change is None else one.change.id for one in events]


def test_a_stream_that_breaks_is_taken_up_after_the_last_event(pauses: list[float]) -> None:
    streams = Streams(
        # An id without data is no event, but where to go on.
        "id: 5\n\n:\n\n",
        "",
        event(7) + event(8, "running") + "id: 9\ndata: {cut",
        httpx2.ConnectError("refused"),
        event(10, "succeeded"),
    )
    found = list(islice(streams.events(), 3))
    assert [(one.id, one.change and one.change.status) for one in found] == [
        ("7", "queued"),
        ("8", "running"),
        ("10", "succeeded"),
    ]
    assert streams.began_after == [None, "5", "5", "8", "8"]
    assert len(pauses) == 4


def test_one_may_begin_after_an_earlier_event() -> None:
    streams = Streams(event(3))
    assert ids(islice(streams.events(after="2"), 1)) == ["job-3"]
    assert streams.began_after == ["2"]


def test_changes_that_were_left_out_are_told() -> None:
    streams = Streams("id: 4\nevent: missed\ndata: {}\n\n" + event(5))
    assert ids(islice(streams.events(), 2)) == [None, "job-5"]


def test_it_ends_with_the_key() -> None:
    streams = Streams(event(1), 401)
    events = streams.events()
    next(events)
    with pytest.raises(Unauthorized):
        next(events)


def test_it_gives_up_when_nobody_answers_for_long_but_not_for_many_breaks(pauses: list[float]) -> None:
    refused = httpx2.ConnectError("refused")
    with pytest.raises(ServerUnreachable):
        next(Streams(refused).events(retry_for_s=0))
    # A quiet stream says only that it is there.
    quiet: list[str | Exception] = [":\n\n", refused] * 50
    assert ids(islice(Streams(*quiet, event(1)).events(), 1)) == ["job-1"]
    assert max(pauses) < 1, "each break is a first one"


async def test_the_async_client_tells_the_same() -> None:
    streams = Streams(event(1) + event(2))
    async with AsyncClient("http://a.example", "key", transport=httpx2.MockTransport(streams)) as client:
        events = client.events()
        assert [(await anext(events)).id for _ in range(2)] == ["1", "2"]
