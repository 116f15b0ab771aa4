"""How long the jobs that a fault touched took to run again or to end: computed from the audit, afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.cases.faults import KINDS, Hit, Injury
from tests.chaos.report.audit import Note, Trail, state_at

_HITS: Final = {kind.name: kind.hit for kind in KINDS}
KILL: Final = "worker SIGKILL"


@dataclass(frozen=True, slots=True)
class Recovery:
    """One job that a fault touched.

    Attributes:
        seconds: from the fault's beginning until the job ran again or ended; None: it never did.
        is_undisturbed: no other fault lay between.
    """

    kind: str
    job_id: str
    seconds: float | None
    is_undisturbed: bool


ENGINES: Final = ("Redis", "Postgres", "FLUSHALL", "S3")


def recoveries(injuries: Sequence[Injury], trail: Trail, *, bound_s: float) -> list[Recovery]:
    """Of all faults and all jobs.

    Args:
        injuries: all faults of the run.
        trail: all changes of all jobs.
        bound_s: for how long an engine's outage is felt after its end.
    """
    found = []
    for injury in injuries:
        hit = _HITS.get(injury.kind, Hit.RUNNING)
        for job_id, notes in trail.items():
            touched = state_at(notes, injury.began_at)
            if touched is not None and _is_hit(injury, hit, touched):
                seconds = _until_again(notes, touched, injury.began_at)
                until = injury.began_at + (bound_s if seconds is None else seconds)
                is_undisturbed = not any(
                    _disturbs(other, injury.began_at, until, bound_s)
                    for other in injuries
                    if other is not injury
                )
                found.append(Recovery(injury.kind, str(job_id), seconds, is_undisturbed))
    return found


def _disturbs(other: Injury, began_at: float, until: float, bound_s: float) -> bool:
    """Whether another fault, or what an engine's outage left behind, lay in that time."""
    felt_s = bound_s if other.kind.startswith(ENGINES) else 0
    ended_at = float("inf") if other.ended_at is None else other.ended_at + felt_s
    return other.began_at < until and ended_at > began_at


def _is_hit(injury: Injury, hit: Hit, note: Note) -> bool:
    if hit is Hit.WORKER:
        return note.new_state == "running" and str(note.worker_id) == injury.worker_id
    if hit is Hit.RUNNING:
        return note.new_state == "running"
    return hit is Hit.OPEN and note.new_state in ("queued", "running")


def _until_again(notes: Iterable[Note], touched: Note, began_at: float) -> float | None:
    for note in notes:
        if note.number > touched.number and (note.is_end or note.is_claim):
            return note.at - began_at
    return None


def late_kills(found: Iterable[Recovery], bound_s: float) -> list[Recovery]:
    """Jobs of a SIGKILLed worker that did not run again in time although nothing else was in the way."""
    return [
        one
        for one in found
        if one.kind == KILL and one.is_undisturbed and (one.seconds is None or one.seconds > bound_s)
    ]
