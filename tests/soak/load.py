"""The callers: each asks for a render, waits for its end, and asks for the next one."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, Final

from tests.bench.clients.caller import Answer, Caller
from tests.soak.artifact import flaw
from tests.soak.fleet import Fleet
from tests.soak.mix import RenderKind, choose
from tests.soak.plan import Plan

_WAIT_S: Final = 60
# More than any page of the mix may take, including the time in the queue and three attempts.
_LOST_AFTER_S: Final = 300.0
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})
_SUCCEEDED: Final = "succeeded"


@dataclass(frozen=True, slots=True)
class RenderEnd:
    """How one render ended.

    Attributes:
        at: seconds since 1970.
        word: `succeeded`, or the error's type.
    """

    at: float
    kind: str
    word: str
    detail: str
    attempt: int
    worker_id: str
    generation: int
    total_ms: float


@dataclass(slots=True)
class Ledger:
    """What all callers have recorded.

    Attributes:
        accepted: how many jobs were answered with 202 or 200.
        lost: jobs that did not end in time.
        refused: answers that no caller should get.
        reconnected: how often the API closed a connection before it answered, and a call was sent again.
        checked: how many artifacts were read back.
        flaws: what was wrong with them.
    """

    accepted: int = 0
    ends: list[RenderEnd] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    reconnected: int = 0
    checked: int = 0
    flaws: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[RenderEnd]:
        """Renders that did not succeed."""
        return [end for end in self.ends if end.word != _SUCCEEDED]


class Load:
    """All callers of one run.

    Attributes:
        ledger: what they have recorded so far.
    """

    def __init__(self, fleet: Fleet, plan: Plan) -> None:
        self.ledger = Ledger()
        self._fleet = fleet
        self._plan = plan
        self._numbers = Random(plan.seed)  # noqa: S311 - repeatable

    async def ask(self, count: int, *, until: float) -> None:
        """Request renders, and wait until all of them have ended.

        Args:
            count: how many.
            until: seconds since 1970; after this time no further render is requested.
        """
        turns = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, self._plan.callers)):
                group.create_task(self._call(turns, until))

    async def _call(self, turns: Iterator[int], until: float) -> None:
        caller = _ReconnectingCaller(self._fleet, self.ledger)
        try:
            for _ in turns:
                if time.time() >= until:
                    return
                await self._render(caller, choose(self._plan.mix, self._numbers))
        finally:
            caller.close()

    async def _render(self, caller: "_ReconnectingCaller", kind: RenderKind) -> None:
        body = kind.body(self._fleet.site, self._numbers)
        key = f"{self._plan.seed}-{self._numbers.getrandbits(64):x}"
        answer = await caller.call(
            "POST", "/v1/jobs", document=body, idempotency_key=key, prefer=f"wait={_WAIT_S}"
        )
        if answer.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            self.ledger.refused[f"POST: {answer.status} {answer.body[:200]!r}"] += 1
            return
        self.ledger.accepted += 1
        job = answer.json()
        lost_at = time.time() + _LOST_AFTER_S
        while job["status"] not in _ENDED:
            if time.time() > lost_at:
                self.ledger.lost.append(f"{job['id']} ({kind.name}) is {job['status']}")
                return
            answer = await caller.call("GET", f"{job['links']['self']}?wait={_WAIT_S}")
            if answer.status != HTTPStatus.OK:
                self.ledger.refused[f"GET: {answer.status} {answer.body[:200]!r}"] += 1
                return
            job = answer.json()
        self.ledger.ends.append(_end(kind, job))
        if job["status"] == _SUCCEEDED and len(self.ledger.ends) % self._plan.check_every == 0:
            await self._check(caller, kind, job)

    async def _check(self, caller: "_ReconnectingCaller", kind: RenderKind, job: dict[str, Any]) -> None:
        answer = await caller.call("GET", f"{job['links']['artifact']}?proxy=true")
        self.ledger.checked += 1
        if answer.status != HTTPStatus.OK:
            self.ledger.flaws.append(f"{kind.name}: {answer.status} instead of the artifact")
            return
        found = await asyncio.to_thread(flaw, answer.body, job["artifact"], kind.size_px)
        if found is not None:
            self.ledger.flaws.append(f"{kind.name}: {found}")


def _end(kind: RenderKind, job: dict[str, Any]) -> RenderEnd:
    error = job["error"] or {"type": _SUCCEEDED, "detail": ""}
    return RenderEnd(
        at=time.time(),
        kind=kind.name,
        word=error["type"],
        detail=error["detail"],
        attempt=job["attempt"],
        worker_id=job["worker_id"] or "",
        generation=job["browser_generation"] or 0,
        total_ms=(job["timings_ms"] or {}).get("total") or 0.0,
    )


class _ReconnectingCaller:
    """A connection that is opened again if the API closes it. The call is sent again then."""

    def __init__(self, fleet: Fleet, ledger: Ledger) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._caller: Caller | None = None

    async def call(self, method: str, path: str, *, document: object = None, **headers: str) -> Answer:
        """Send a call until it is answered.

        Raises:
            OSError: the API does not listen any more.
        """
        request = self._fleet.api.request(method, path, document=document, **headers)
        while True:
            if self._caller is None:
                self._caller = await self._fleet.api.connect()
            try:
                return await self._caller.call(request)
            except ConnectionError:
                self._caller = None
                self._ledger.reconnected += 1

    def close(self) -> None:
        """Close the connection."""
        if self._caller is not None:
            self._caller.close()
