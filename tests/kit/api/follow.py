"""A small reader of Server-Sent Events, as the WHATWG's HTML standard defines them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kit.patience import PATIENCE_S


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    document: dict[str, Any]


class Follower:
    """An open stream.

    Attributes:
        comments: how many comments have arrived so far.
        last_id: of the last id that came without an event.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments = 0
        self.last_id = ""
        self._lines = answer.aiter_lines()

    async def next(self) -> Event | None:
        """The next event; None when the server has ended the stream properly."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, text = line.partition(":")
                    assert name not in fields, "an event must have one line of each field"
                    fields[name] = text.removeprefix(" ")
                elif "data" not in fields:
                    self.last_id = fields.pop("id", self.last_id)
                else:
                    return Event(fields["id"], fields["event"], json.loads(fields["data"]))
        assert not fields, "the stream ended in the middle of an event"
        return None

    async def rest(self) -> list[Event]:
        """All events until the end."""
        events = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events

    async def ids(self) -> list[str]:
        """The ids of all events until the end."""
        return [event.id for event in await self.rest()]


@asynccontextmanager
async def follow(client: httpx.AsyncClient, job: dict[str, Any], **headers: str) -> AsyncIterator[Follower]:
    """Open the event stream of a job. Names of headers are given with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with client.stream("GET", job["links"]["events"], headers=named) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Follower(answer)
