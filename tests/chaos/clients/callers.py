"""The load: callers who want every job done, and behave as good clients do.

Each POST carries an Idempotency-Key and is repeated - at another API process if there is one - until it is
answered with 202 or 200: then the job is *accepted*, and the run holds the product to it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from tests.chaos.cases.kinds import Kind, Places, choose
from tests.chaos.clients.patience import until
from tests.chaos.clients.world import World, now

_GIVE_UP_S: Final = 150.0
_LONGEST_PAUSE_S: Final = 2.0
_FIRST_PAUSE_S: Final = 0.1
_WORTH_REPEATING: Final = frozenset(
    {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY}
)
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})
_READ_WAIT_S: Final = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was not answered as it should be, and was repeated.

    Attributes:
        what: the status, or the name of the error.
    """

    at: float
    method: str
    what: str


@dataclass(slots=True)
class Call:
    """One job as its caller sees it.

    Attributes:
        is_answered: whether its POST has come to an end, well or not.
        seen_end: the state in the first answer that said it had ended.
    """

    kind: Kind
    key: str
    body: dict[str, Any]
    began_at: float
    accepted_at: float | None = None
    job_id: UUID | None = None
    is_answered: bool = False
    seen_end: str | None = None


@dataclass(slots=True)
class Ledger:
    """What all callers know at the end.

    Attributes:
        calls: every job that anybody asked for.
        refusals: every failed try of a call.
        wrong: answers that no fault explains, such as 500 or 404.
    """

    calls: list[Call] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> dict[UUID, Call]:
        """By job id."""
        return {call.job_id: call for call in self.calls if call.job_id is not None}


class Callers:
    """Sends jobs at random times until told to stop.

    Attributes:
        ledger: fills up meanwhile.
    """

    def __init__(self, world: World, numbers: Random, *, open_jobs: Callable[[], int]) -> None:
        self.ledger = Ledger()
        self._world = world
        self._numbers = numbers
        self._open_jobs = open_jobs
        self._turn = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._mistakes: list[BaseException] = []

    async def send(self) -> None:
        """Send at the mean rate, and now and then many at once, until cancelled."""
        scale = self._world.scale
        burst_due = now() + scale.burst_every_s / 2
        while True:
            count = 1
            if now() >= burst_due:
                burst_due += scale.burst_every_s
                count = scale.burst
            if self._open_jobs() < scale.open_limit:
                for _ in range(count):
                    self.begin(choose(self._numbers))
            await asyncio.sleep(self._numbers.expovariate(scale.jobs_per_s))

    def begin(self, kind: Kind) -> Call:
        """Ask for a job of this kind; the call goes on by itself."""
        places = Places(self._world.site, self._world.refusing, self._world.scale.slow_ms)
        key = f"{self._world.scale.seed}-{len(self.ledger.calls)}"
        call = Call(kind, key, kind.body(self._numbers, places), now())
        self.ledger.calls.append(call)
        cancel_after_s = None if kind.cancel_after_s is None else self._numbers.uniform(*kind.cancel_after_s)
        task = asyncio.create_task(self._follow(call, cancel_after_s))
        self._calls.add(task)
        task.add_done_callback(self._ended)
        return call

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._mistakes.append(error)

    async def posted(self, timeout_s: float) -> None:
        """Let every POST that is under way be answered: only then is it known what was accepted."""

        async def are_answered() -> bool:
            return all(call.is_answered for call in self.ledger.calls)

        await until(are_answered, timeout_s)

    async def close(self) -> None:
        """End what still waits for a job's end.

        Raises:
            Exception: what a call has ended with, which is a mistake of ours.
        """
        calls = list(self._calls)
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for mistake in self._mistakes:
            raise mistake

    async def _follow(self, call: Call, cancel_after_s: float | None) -> None:
        try:
            document = await self._post(call)
        finally:
            call.is_answered = True
        if document is None:
            return
        self._note_end(call, document)
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            await self._cancel(call)
        while call.kind.reads and call.seen_end is None:
            parameters = {"wait": _READ_WAIT_S}
            answer = await self._insist("GET", f"/v1/jobs/{call.job_id}", params=parameters)
            if answer is None or answer.status_code != HTTPStatus.OK:
                return
            self._note_end(call, answer.json())

    def _note_end(self, call: Call, document: dict[str, Any]) -> None:
        if call.seen_end is None and document["status"] in _ENDED:
            call.seen_end = document["status"]

    async def _post(self, call: Call) -> dict[str, Any] | None:
        headers = {"Idempotency-Key": call.key}
        if call.kind.wait_s:
            headers["Prefer"] = f"wait={call.kind.wait_s}"
        answer = await self._insist("POST", "/v1/jobs", json=call.body, headers=headers)
        if answer is None:
            return None
        if answer.status_code not in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            self._note_wrong("POST", answer)
            return None
        document: dict[str, Any] = answer.json()
        call.job_id, call.accepted_at = UUID(document["id"]), now()
        return document

    async def _cancel(self, call: Call) -> None:
        answer = await self._insist("DELETE", f"/v1/jobs/{call.job_id}")
        if answer is not None and answer.is_success:
            self._note_end(call, answer.json())
        elif answer is not None and answer.status_code != HTTPStatus.CONFLICT:
            self._note_wrong("DELETE", answer)

    def _note_wrong(self, method: str, answer: httpx.Response) -> None:
        self.ledger.wrong[f"{method}: {answer.status_code} {answer.text[:200]}"] += 1

    async def _insist(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Repeat the call until it is answered for good; None when it never was."""
        pause_s = _FIRST_PAUSE_S
        give_up_at = now() + _GIVE_UP_S
        while now() < give_up_at:
            self._turn += 1
            address = self._world.addresses[self._turn % len(self._world.addresses)]
            began_at = now()
            try:
                answer = await self._world.client.request(method, address + path, timeout=40, **options)
            except httpx.TransportError as error:
                self.ledger.refusals.append(Refusal(began_at, method, type(error).__name__))
            else:
                if answer.status_code not in _WORTH_REPEATING:
                    return answer
                self.ledger.refusals.append(Refusal(began_at, method, str(answer.status_code)))
                pause_s = max(pause_s, float(answer.headers.get("retry-after", 0)))
            await asyncio.sleep(min(pause_s, _LONGEST_PAUSE_S))
            pause_s *= 2
        return None
