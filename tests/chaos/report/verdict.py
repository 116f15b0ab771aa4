"""Checks all accepted jobs after a run, and lists everything that breaks a promise."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import asyncpg
import boto3

from tests.chaos.cases.episodes import Proof
from tests.chaos.cases.faults import FaultEvent, FaultLog
from tests.chaos.clients.callers import Call, Ledger
from tests.chaos.clients.fleet_under_test import FleetUnderTest, log_lines
from tests.chaos.clients.observer import Observer, Sample
from tests.chaos.report import audit
from tests.chaos.report.audit import Note, Trail
from tests.chaos.report.recovery import Recovery, late_kills, recoveries

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ROWS: Final = """
    SELECT id, state, attempt, max_attempts, error_type, artifact_key, artifact->>'sha256' AS sha256 FROM jobs
"""
_ATTEMPTS: Final = "SELECT job_id, attempt, outcome, error_type FROM attempts"
_CRASHES: Final = frozenset({"worker_lost", "page_crashed", "browser_unavailable"})
_CRASH_CAP: Final = 3
_READERS: Final = 4
_SAMPLES: Final = 3
_WORDS: Final = 1_500


@dataclass(slots=True)
class Verdict:
    """Figures of a run, and everything in it that breaks a promise.

    Attributes:
        lost: jobs that were accepted and had not ended when the time after the last fault was over.
        twice: jobs that ended more than once, by the audit.
        logged_twice: the same by the workers' logs: more than one attempt has logged that it ended the job.
        illegal: changes of state that are not allowed, and attempts with a wrong number.
        unexplained: ends of jobs that neither the page nor a fault explains.
        contradicted: ends that a caller was told and that differ from the row.
        bad_artifacts: artifacts that are missing or differ from their row.
        too_early: jobs that ran before their `run_at`.
        late_kills: jobs of a killed worker that did not run again within lease + 5 s without other faults.
        left_open: attempts without an outcome although their job has ended.
        stale: results of attempts that had lost their job; they were not recorded.
        orphans: objects in S3 of attempts that had lost their job.
        given_up: calls without a good answer; their jobs were not accepted.
        own_ends: processes that ended without a fault, by their exit code.
        errors: log lines at level error, by event.
        log_samples: some of the log lines for `errors` and `own_ends`, to find their causes.
        invariants: for each invariant: checks, checks left out because of a fault, and violations.
        left_behind: browsers that were running after their workers had ended.
    """

    accepted: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    logged_twice: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    bad_artifacts: list[str] = field(default_factory=list)
    too_early: list[str] = field(default_factory=list)
    late_kills: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    stale: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    own_ends: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    log_samples: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    artifacts: int = 0
    orphans: int = 0
    given_up: int = 0
    recoveries: list[Recovery] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    invariants: dict[str, tuple[int, int, list[str]]] = field(default_factory=dict)
    left_behind: list[str] = field(default_factory=list)
    began_at: float = 0.0
    fault_events: list[FaultEvent] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """Everything that breaks a promise, in words."""
        counted = {
            "lost": self.lost,
            "recorded twice": self.twice,
            "ended twice by the logs": self.logged_twice,
            "illegal changes of state": self.illegal,
            "unexplained ends": self.unexplained,
            "answers that the row contradicts": self.contradicted,
            "bad artifacts": self.bad_artifacts,
            "run too early": self.too_early,
            "late after SIGKILL": self.late_kills,
            "attempts left open": self.left_open,
            "left behind": self.left_behind,
            "answers that no fault explains": [f"{count} x {what}" for what, count in self.wrong.items()],
            **{name: broken for name, (_, _, broken) in self.invariants.items()},
        }
        found = [f"{name}: {len(cases)}, such as {cases[0]}" for name, cases in counted.items() if cases]
        return found + [f"{proof.episode}: {proof.shown}" for proof in self.proofs if not proof.holds]


async def judge(
    fleet: FleetUnderTest, ledger: Ledger, record: FaultLog, observer: Observer, *, proofs: Sequence[Proof]
) -> Verdict:
    """Check everything, after the workers have stopped and while the engines are running."""
    connection = await asyncpg.connect(fleet.environment.database_url)
    try:
        trail = await audit.read(connection)
        rows = {row["id"]: row for row in await connection.fetch(_ROWS)}
        attempts: dict[UUID, list[asyncpg.Record]] = {}
        for row in await connection.fetch(_ATTEMPTS):
            attempts.setdefault(row["job_id"], []).append(row)
    finally:
        await connection.close()
    verdict = Verdict(
        accepted=len(ledger.accepted),
        given_up=sum(call.job_id is None for call in ledger.calls),
        faults=Counter(fault.kind for fault in record.fault_events),
        wrong=ledger.wrong,
        refusals=Counter(f"{refusal.method}: {refusal.what}" for refusal in ledger.refusals),
        proofs=list(proofs),
        samples=observer.samples,
        invariants={
            one.name: (one.looks, one.excused, one.broken) for one in (observer.leases, observer.line)
        },
    )
    _judge_trail(verdict, trail)
    for job_id, call in ledger.accepted.items():
        _judge_job(verdict, call, rows.get(job_id), attempts.get(job_id, []))
        _judge_time(verdict, call, trail.get(job_id, []))
    verdict.outcomes = Counter(row["outcome"] or "open" for each in attempts.values() for row in each)
    bound_s = fleet.scale.recovery_bound_s
    verdict.recoveries = recoveries(record.fault_events, trail, bound_s=bound_s)
    verdict.late_kills = [
        f"job {one.job_id} after {one.seconds or float('inf'):.1f} s"
        for one in late_kills(verdict.recoveries, bound_s)
    ]
    _judge_logs(verdict, fleet)
    await asyncio.to_thread(_judge_artifacts, verdict, fleet, rows)
    return verdict


def _judge_trail(verdict: Verdict, trail: Trail) -> None:
    for job_id, notes in trail.items():
        ends = [note for note in notes if note.is_end]
        if len(ends) > 1:
            told = ", ".join(f"{note.new_state} by attempt {note.attempt}" for note in ends)
            verdict.twice.append(f"job {job_id}: {told}")
        verdict.illegal += [
            f"job {job_id}: from {note.old_state} in attempt {note.old_attempt} "
            f"to {note.new_state} in attempt {note.attempt}"
            for note in notes
            if not note.is_legal
        ]


def _judge_job(
    verdict: Verdict, call: Call, row: asyncpg.Record | None, attempts: Sequence[asyncpg.Record]
) -> None:
    if row is None or row["state"] not in audit.TERMINAL:
        state = "has no row" if row is None else f"is {row['state']}, attempt {row['attempt']}"
        verdict.lost.append(f"job {call.job_id} ({call.kind.name}) {state}")
        return
    word = row["error_type"] if row["state"] == "failed" else row["state"]
    verdict.ends[word] += 1
    name = f"job {row['id']} ({call.kind.name})"
    if not _is_explained(call, row, word, attempts):
        tried = ", ".join(f"{one['outcome']} {one['error_type'] or ''}".strip() for one in attempts)
        verdict.unexplained.append(f"{name}: {word} after {tried or 'no attempt'}")
    if call.seen_end is not None and call.seen_end != row["state"]:
        verdict.contradicted.append(f"{name}: told {call.seen_end}, is {row['state']}")
    verdict.left_open += [
        f"{name}, attempt {one['attempt']}: no outcome" for one in attempts if one["outcome"] is None
    ]


def _judge_time(verdict: Verdict, call: Call, notes: Sequence[Note]) -> None:
    run_at = call.body.get("run_at")
    claims = [note.at for note in notes if note.is_claim]
    if run_at is not None and claims and claims[0] < datetime.fromisoformat(run_at).timestamp():
        verdict.too_early.append(f"job {call.job_id}: {run_at}, claimed at {claims[0]:.3f}")


def _is_explained(call: Call, row: asyncpg.Record, word: str, attempts: Sequence[asyncpg.Record]) -> bool:
    """Whether the page, a cancel by the caller, or enough faults explain this end."""
    own = sum(one["error_type"] == word for one in attempts)
    if word in _CRASHES:
        return sum(one["error_type"] in _CRASHES for one in attempts) >= _CRASH_CAP
    if word == "storage_unavailable":
        return bool(own >= row["max_attempts"])
    if word not in call.kind.ends:
        return False
    # An error of the page is final at once and must not have been retried.
    return bool(row["state"] != "failed" or own == 1)


def _judge_logs(verdict: Verdict, fleet: FleetUnderTest) -> None:
    ended: Counter[str] = Counter()
    for line in log_lines(fleet):
        event = str(line["event"])
        if "discarded" in event:
            verdict.stale[event.partition(":")[0]] += 1
        if event == "job ended":
            ended[str(line["job_id"])] += 1
        if line.get("level") in ("error", "critical"):
            verdict.errors[event] += 1
            if verdict.errors[event] <= _SAMPLES:
                verdict.log_samples.append(json.dumps(line)[:_WORDS])
    verdict.logged_twice = [f"job {job_id}: {count} times" for job_id, count in ended.items() if count > 1]
    for member in fleet.members:
        for process_run in member.runs[:-1]:
            if not process_run.intended_end:
                verdict.own_ends[f"{member.name.rpartition('-')[0]}: {process_run.child.end}"] += 1
                verdict.log_samples.append(f"{member.name}: {process_run.child.log_text()[-_WORDS:]}")


def _judge_artifacts(verdict: Verdict, fleet: FleetUnderTest, rows: Mapping[UUID, asyncpg.Record]) -> None:
    credentials = fleet.engines.s3_environment
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=fleet.engines.s3_endpoint_url,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        region_name=credentials["AWS_DEFAULT_REGION"],
    )
    bucket = fleet.engines.s3_bucket
    wanted = {row["artifact_key"]: row["sha256"] for row in rows.values() if row["artifact_key"]}

    def problem_of(key: str) -> str | None:
        try:
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            with body:
                found = hashlib.sha256(body.read()).hexdigest()
        except client.exceptions.NoSuchKey:
            return f"{key} is missing"
        return None if found == wanted[key] else f"{key} is not what its row says"

    with ThreadPoolExecutor(_READERS) as threads:
        verdict.bad_artifacts = [problem for problem in threads.map(problem_of, wanted) if problem]
    prefixes = {key.partition("/")[0] for key in wanted}
    stored = {key for prefix in prefixes for key in _stored(client, bucket, prefix)}
    verdict.artifacts = len(wanted)
    verdict.orphans = len(stored - wanted.keys())
    client.close()


def _stored(client: Any, bucket: str, prefix: str) -> Iterable[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for found in page.get("Contents", []):
            yield found["Key"]
