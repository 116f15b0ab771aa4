"""Computes from the audit how long it took until jobs that a fault affected ran again or ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.cases.faults import KINDS, FaultEvent, Hit
from tests.chaos.report.audit import Note, Trail, state_at

_HITS: Final = {kind.name: kind.hit for kind in KINDS}
KILL: Final = "worker SIGKILL"


@dataclass(frozen=True, slots=True)
class Recovery:
    """One job that a fault affected.

    Attributes:
        seconds: from the fault's beginning until the job ran again or ended; None: it never did.
        is_undisturbed: there was no other fault in this time.
    """

    kind: str
    job_id: str
    seconds: float | None
    is_undisturbed: bool


ENGINES: Final = ("Redis", "Postgres", "FLUSHALL", "S3")


def recoveries(fault_events: Sequence[FaultEvent], trail: Trail, *, bound_s: float) -> list[Recovery]:
    """The recoveries of all jobs after all faults.

    Args:
        fault_events: all faults of the run.
        trail: all changes of all jobs.
        bound_s: how long after its end an engine's outage may still delay jobs.
    """
    found = []
    for fault in fault_events:
        hit = _HITS.get(fault.kind, Hit.RUNNING)
        for job_id, notes in trail.items():
            touched = state_at(notes, fault.began_at)
            if touched is not None and _is_hit(fault, hit, touched):
                seconds = _until_again(notes, touched, fault.began_at)
                until = fault.began_at + (bound_s if seconds is None else seconds)
                is_undisturbed = not any(
                    _disturbs(other, fault.began_at, until, bound_s)
                    for other in fault_events
                    if other is not fault
                )
                found.append(Recovery(fault.kind, str(job_id), seconds, is_undisturbed))
    return found


def _disturbs(other: FaultEvent, began_at: float, until: float, bound_s: float) -> bool:
    """Whether another fault, or the time after an engine's outage, lies in that time."""
    felt_s = bound_s if other.kind.startswith(ENGINES) else 0
    ended_at = float("inf") if other.ended_at is None else other.ended_at + felt_s
    return other.began_at < until and ended_at > began_at


def _is_hit(fault: FaultEvent, hit: Hit, note: Note) -> bool:
    if hit is Hit.WORKER:
        return note.new_state == "running" and str(note.worker_id) == fault.worker_id
    if hit is Hit.RUNNING:
        return note.new_state == "running"
    return hit is Hit.OPEN and note.new_state in ("queued", "running")


def _until_again(notes: Iterable[Note], touched: Note, began_at: float) -> float | None:
    for note in notes:
        if note.number > touched.number and (note.is_end or note.is_claim):
            return note.at - began_at
    return None


def late_kills(found: Iterable[Recovery], bound_s: float) -> list[Recovery]:
    """Jobs of a killed worker that did not run again in time although there was no other fault."""
    return [
        one
        for one in found
        if one.kind == KILL and one.is_undisturbed and (one.seconds is None or one.seconds > bound_s)
    ]
