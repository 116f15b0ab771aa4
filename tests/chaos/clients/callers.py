"""The load: callers that submit jobs as well-behaved clients do.

Each POST has an Idempotency-Key. It is repeated, at another API process if there is one, until it is answered
with 202 or 200. Then the job is *accepted*, and the run checks that the product ends it.
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

from tests.chaos.cases.kinds import Addresses, JobKind, choose
from tests.chaos.clients.fleet_under_test import FleetUnderTest, now
from tests.chaos.clients.waiting import until

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
    """A call that failed and was repeated.

    Attributes:
        what: the status, or the name of the error.
    """

    at: float
    method: str
    what: str


@dataclass(slots=True)
class Call:
    """One job, as its caller knows it.

    Attributes:
        is_answered: whether its POST is over, with success or not.
        seen_end: the state in the first answer in which the job had ended.
    """

    kind: JobKind
    key: str
    body: dict[str, Any]
    began_at: float
    accepted_at: float | None = None
    job_id: UUID | None = None
    is_answered: bool = False
    seen_end: str | None = None


@dataclass(slots=True)
class Ledger:
    """What all callers have recorded.

    Attributes:
        calls: all jobs that were submitted.
        refusals: all failed tries of calls.
        wrong: answers that no fault explains, such as 500 or 404.
    """

    calls: list[Call] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def accepted(self) -> dict[UUID, Call]:
        """The accepted jobs, by their ids."""
        return {call.job_id: call for call in self.calls if call.job_id is not None}


class Callers:
    """Submits jobs at random times.

    Attributes:
        ledger: what was recorded so far.
    """

    def __init__(self, fleet: FleetUnderTest, numbers: Random, *, open_jobs: Callable[[], int]) -> None:
        self.ledger = Ledger()
        self._world = fleet
        self._numbers = numbers
        self._open_jobs = open_jobs
        self._turn = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._mistakes: list[BaseException] = []

    async def send(self) -> None:
        """Submit jobs at the mean rate, and many at once at intervals, until cancelled."""
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

    def begin(self, kind: JobKind) -> Call:
        """Submit a job of this kind, in a task of its own."""
        addresses = Addresses(self._world.site, self._world.refusing, self._world.scale.slow_ms)
        key = f"{self._world.scale.seed}-{len(self.ledger.calls)}"
        call = Call(kind, key, kind.body(self._numbers, addresses), now())
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

    async def wait_for_posts(self, timeout_s: float) -> None:
        """Wait until every POST is over: only then it is known which jobs were accepted."""

        async def are_answered() -> bool:
            return all(call.is_answered for call in self.ledger.calls)

        await until(are_answered, timeout_s)

    async def close(self) -> None:
        """Cancel calls that wait for a job's end.

        Raises:
            Exception: the error of a call, which is a mistake in this program.
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
            answer = await self._call_until_answered("GET", f"/v1/jobs/{call.job_id}", params=parameters)
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
        answer = await self._call_until_answered("POST", "/v1/jobs", json=call.body, headers=headers)
        if answer is None:
            return None
        if answer.status_code not in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
            self._note_wrong("POST", answer)
            return None
        document: dict[str, Any] = answer.json()
        call.job_id, call.accepted_at = UUID(document["id"]), now()
        return document

    async def _cancel(self, call: Call) -> None:
        answer = await self._call_until_answered("DELETE", f"/v1/jobs/{call.job_id}")
        if answer is not None and answer.is_success:
            self._note_end(call, answer.json())
        elif answer is not None and answer.status_code != HTTPStatus.CONFLICT:
            self._note_wrong("DELETE", answer)

    def _note_wrong(self, method: str, answer: httpx.Response) -> None:
        self.ledger.wrong[f"{method}: {answer.status_code} {answer.text[:200]}"] += 1

    async def _call_until_answered(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """Repeat a call until it gets a final answer; None: it never got one."""
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
