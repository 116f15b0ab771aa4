"""The states of a job against Postgres itself: any order of calls by any number of workers, also frozen ones.

Hypothesis plays workers, owner, operator and sweeper; every entry may arrive again, every attempt may come
back from the dead. A model that fits in one's head says after each step what each row must read.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleet.database import Database, DatabaseSettings
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts import recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.attempts.recover import CRASH_CAP
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.create import accept as acceptance
from fleet.jobs.job import State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.workers import pause
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import VAULT

T = TypeVar("T")

# Few jobs, and mostly the latest ones: then they meet each other often.
MOST_OPEN = 3
# What ends a job for good comes seldom, or there would be little to play with.
OFTEN = (
    *("claim",) * 7,
    *("accept", "retry", "hand back", "freeze past the lease") * 2,
    *("finish", "renew", "cancel", "run out of time"),
    *("pause or resume", "change the cap", "sweep what expired", "let parked jobs go on"),
)
RECENT = st.integers(0, 3)
LEASE = timedelta(hours=1)
PLAIN = RenderRequest(html="<p>x</p>", expires_in_s=3600)
TOLD = RenderRequest(html="<p>x</p>", expires_in_s=3600, webhook_url="https://example.com/hook")
OUTCOMES = (
    AttemptOutcome(State.SUCCEEDED, artifact_key="k", artifact=PICTURE),
    AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="x"),
    AttemptOutcome(State.CANCELLED),
    AttemptOutcome(State.EXPIRED),
)


@dataclass
class Model:
    """What one row must read."""

    is_told: bool
    state: State = State.QUEUED
    attempt: int = 0
    dispatch: int = 1
    crashes: int = 0
    is_parked: bool = False
    is_cancel_requested: bool = False
    is_overdue: bool = False
    finished_by: tuple[int, AttemptOutcome] | None = field(default=None)

    def put_back(self, *, is_crash: bool = False) -> None:
        """The attempt is over and the job is not, unless its owner or its time say so."""
        self.crashes += is_crash
        self.dispatch += 1
        self.state = State.QUEUED
        if self.is_cancel_requested:
            self.state = State.CANCELLED
        elif self.is_overdue:
            self.state = State.EXPIRED


class Queue(RuleBasedStateMachine):
    """What may happen, in any order; `rows_are_as_modelled` is checked after each."""

    runner: ClassVar[asyncio.Runner]
    pool: ClassVar[Database]
    tenant_id: ClassVar[UUID] = UUID(int=7)

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[UUID, Model] = {}
        self.held: list[JobAttempt] = []
        self.is_paused = False
        self.cap: int | None = None
        self.of_attempts: dict[str, Callable[[JobAttempt, int], None]] = {
            "finish": self.finish,
            "retry": self.retry,
            "hand back": self.hand_back,
            "renew": self.renew,
            "freeze past the lease": self.freeze_past_the_lease,
        }
        self.of_jobs = {"cancel": self.cancel, "run out of time": self.run_out_of_time}
        self.of_fleet: dict[str, Callable[[int], None]] = {
            "pause or resume": self.pause_or_resume,
            "change the cap": self.change_the_cap,
            "sweep what expired": self.sweep_what_expired,
            "let parked jobs go on": self.let_parked_jobs_go_on,
        }
        self.run(self.pool.execute("DELETE FROM jobs"))
        self.run(self.pool.execute("DELETE FROM tenants"))
        self.run(pause.resume(self.pool))
        self.run(self.pool.execute("INSERT INTO tenants (id, name) VALUES ($1, 'model')", self.tenant_id))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine."""
        return self.runner.run(work)

    def recent_job(self, pick: int) -> UUID:
        return list(self.models)[-1 - pick % len(self.models)]

    def open_jobs(self) -> int:
        return sum(not model.state.is_terminal for model in self.models.values())

    def running(self) -> int:
        return sum(model.state is State.RUNNING for model in self.models.values())

    @initialize(are_told=st.lists(st.booleans(), min_size=MOST_OPEN, max_size=MOST_OPEN))
    def begin(self, are_told: list[bool]) -> None:
        for is_told in are_told:
            self.accept(is_told=is_told)

    @rule(what=st.sampled_from(OFTEN), pick=RECENT, chance=st.integers(0, 11))
    def happen(self, what: str, pick: int, chance: int) -> None:
        """One thing happens. One rule for all of them: how often each is played is ours to say."""
        if what == "accept" and self.open_jobs() < MOST_OPEN:
            self.accept(is_told=chance % 2 == 0)
        elif what == "claim":
            self.claim(pick, age=chance % 4 == 0)
        elif what in self.of_attempts and self.held:
            self.of_attempts[what](self.held[-1 - pick % len(self.held)], chance)
        elif what in self.of_jobs:
            self.of_jobs[what](self.recent_job(pick))
        elif what in self.of_fleet:
            self.of_fleet[what](chance)

    def accept(self, *, is_told: bool) -> None:
        request = TOLD if is_told else PLAIN
        job = self.run(acceptance.accept(self.pool, VAULT, tenant_id=self.tenant_id, request=request)).job
        self.models[job.id] = Model(is_told)

    def claim(self, pick: int, *, age: int) -> None:
        """A worker gets the present entry or an older one; any of them any number of times."""
        job_id = self.recent_job(pick)
        model = self.models[job_id]
        entry = QueueEntry(job_id, model.dispatch - age)
        may_run = (
            model.state is State.QUEUED
            and model.dispatch == entry.dispatch
            and not model.is_parked
            and not model.is_overdue
        )
        has_room = self.cap is None or self.running() < self.cap
        attempt = self.run(claims.claim(self.pool, entry, worker_id=uuid4(), lease=LEASE))
        assert (attempt is not None) == (may_run and has_room and not self.is_paused)
        if attempt is not None:
            model.state, model.attempt = State.RUNNING, model.attempt + 1
            assert (attempt.attempt, attempt.crash_count) == (model.attempt, model.crashes)
            self.held.append(attempt)
        elif model.state is State.QUEUED and model.dispatch == entry.dispatch and not has_room:
            model.is_parked = True

    def holds(self, attempt: JobAttempt) -> bool:
        model = self.models[attempt.job_id]
        return model.state is State.RUNNING and model.attempt == attempt.attempt

    def finish(self, attempt: JobAttempt, chance: int) -> None:
        outcome = OUTCOMES[chance % len(OUTCOMES)]
        model = self.models[attempt.job_id]
        is_ours = self.holds(attempt)
        # Ended the same way by another path: a repeated finish cannot tell that from its own.
        is_alike = not is_ours and (model.state, model.attempt) == (outcome.state, attempt.attempt)
        if is_ours:
            model.state, model.finished_by = outcome.state, (attempt.attempt, outcome)
        # Repeating our own finish is no second one: the commit's answer may have been lost.
        expected = is_ours or model.finished_by == (attempt.attempt, outcome)
        said = self.run(attempts.finish(self.pool, attempt, outcome))
        assert said == expected or is_alike

    def retry(self, attempt: JobAttempt, chance: int) -> None:
        is_crash = chance % 2 == 0
        is_ours = self.holds(attempt)
        went = self.run(
            attempts.requeue_failed(
                self.pool,
                attempt,
                delay=timedelta(),
                is_crash=is_crash,
                error_type=ErrorType.PAGE_CRASHED,
                error_detail="x",
            )
        )
        assert (went is not None) == is_ours
        if is_ours:
            self.models[attempt.job_id].put_back(is_crash=is_crash)

    def hand_back(self, attempt: JobAttempt, _chance: int) -> None:
        is_ours = self.holds(attempt)
        went = self.run(attempts.hand_back(self.pool, attempt))
        assert (went is not None) == is_ours
        if is_ours:
            self.models[attempt.job_id].put_back()

    def renew(self, attempt: JobAttempt, _chance: int) -> None:
        pair = (attempt.job_id, attempt.attempt)
        renewal = self.run(attempts.renew(self.pool, [pair], lease=LEASE))
        is_ours = self.holds(attempt)
        assert renewal.held == ({pair} if is_ours else set())
        is_wanted = is_ours and self.models[attempt.job_id].is_cancel_requested
        assert renewal.to_cancel == ({pair} if is_wanted else set())

    def freeze_past_the_lease(self, attempt: JobAttempt, _chance: int) -> None:
        """The worker goes silent; a sweep finds its lease run out. The attempt may come back later."""
        self.run(
            self.pool.execute(
                "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = $1 AND attempt = $2 "
                "AND state = 'running'",
                attempt.job_id,
                attempt.attempt,
            )
        )
        is_ours = self.holds(attempt)
        expired = self.run(recover.take_back_lost(self.pool, lease=timedelta(0), limit=10))
        assert len(expired.requeued) + len(expired.ended) == is_ours
        if not is_ours:
            return
        model = self.models[attempt.job_id]
        model.put_back(is_crash=True)
        if model.state is State.QUEUED and model.crashes >= CRASH_CAP:
            model.state = State.FAILED

    def cancel(self, job_id: UUID) -> None:
        model = self.models[job_id]
        found = self.run(cancel_job(self.pool, job_id=job_id, tenant_id=self.tenant_id))
        assert (found is None) == model.state.is_terminal
        if model.state.is_terminal:
            return
        model.is_cancel_requested = True
        if model.state is State.QUEUED:
            model.state, model.is_parked = State.CANCELLED, False

    def run_out_of_time(self, job_id: UUID) -> None:
        self.run(self.pool.execute("UPDATE jobs SET expires_at = now() WHERE id = $1", job_id))
        self.models[job_id].is_overdue = True

    def sweep_what_expired(self, _chance: int) -> None:
        due = {
            job_id
            for job_id, model in self.models.items()
            if model.is_overdue and model.state is State.QUEUED
        }
        assert {ended.job_id for ended in self.run(recover.expire_queued(self.pool, limit=100))} == due
        for job_id in due:
            self.models[job_id].state, self.models[job_id].is_parked = State.EXPIRED, False

    def pause_or_resume(self, chance: int) -> None:
        is_paused = self.is_paused = chance % 4 == 0
        self.run(pause.pause(self.pool, reason=None) if is_paused else pause.resume(self.pool))

    def change_the_cap(self, chance: int) -> None:
        self.cap = cap = (None, 1, 2)[chance % 3]
        self.run(self.pool.execute("UPDATE tenants SET max_running = $1", cap))

    def let_parked_jobs_go_on(self, _chance: int) -> None:
        room = self.run(recover.free_places(self.pool, max_running=None))
        has_room = self.cap is None or self.running() < self.cap
        has_parked = any(model.is_parked for model in self.models.values())
        assert (self.tenant_id in room) == (has_room and has_parked)
        for tenant_id, count in room.items():
            for freed in self.run(claims.unpark(self.pool, tenant_id, count=count)):
                model = self.models[freed.entry.job_id]
                model.is_parked, model.dispatch = False, model.dispatch + 1
                assert freed.entry.dispatch == model.dispatch

    @invariant()
    def rows_are_as_modelled(self) -> None:
        rows = self.run(
            self.pool.fetch(
                "SELECT id, state, attempt, dispatch, crash_count, parked, cancel_requested, "
                "(SELECT count(*) FROM webhook_outbox WHERE job_id = jobs.id) AS messages FROM jobs"
            )
        )
        assert len(rows) == len(self.models)
        for row in rows:
            model = self.models[row["id"]]
            assert (row["state"], row["attempt"], row["dispatch"]) == (
                model.state,
                model.attempt,
                model.dispatch,
            )
            assert (row["crash_count"], row["parked"]) == (model.crashes, model.is_parked)
            assert row["cancel_requested"] == model.is_cancel_requested
            assert row["messages"] == (model.is_told and model.state.is_terminal)

    @invariant()
    def the_cap_is_kept(self) -> None:
        """A lower cap ends nothing; it only lets nothing new begin, which `claim` checks."""
        running = self.run(self.pool.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'"))
        assert running == self.running()


def test_any_order_of_calls_leaves_each_job_in_its_one_state(database_settings: DatabaseSettings) -> None:
    with asyncio.Runner() as runner:
        Queue.runner = runner
        Queue.pool = runner.run(Database.open(database_settings, application="model"))
        Queue.TestCase.settings = settings(
            max_examples=40,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        try:
            Queue.TestCase().runTest()
        finally:
            runner.run(Queue.pool.close())
