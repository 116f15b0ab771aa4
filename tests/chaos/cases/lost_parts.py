"""An episode: each part of a worker's browser is killed and stopped, and the worker renders again soon."""

import asyncio
import signal
from typing import Final

from tests.chaos.cases.episodes import EpisodeContext, Proof
from tests.chaos.cases.faults import DRIVER, PARTS, signal_part
from tests.chaos.cases.kinds import BY_NAME
from tests.chaos.clients.fleet_under_test import now
from tests.chaos.clients.supervised_process import SupervisedProcess

# The promise: in this time a worker renders again, whatever process of Chromium was lost. Without the driver
# it ends, and its successor has to start first: that is measured, too.
BACK_S: Final = 15.0
_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.2
_SIGNALS: Final = (signal.SIGKILL, signal.SIGSTOP)
_SMALL: Final = BY_NAME["address"]
# When the first job ended well that began on this worker after the fault; and how many jobs wait.
_BACK: Final = """
    SELECT extract(epoch FROM min(finished_at))::float AS at,
           (SELECT count(*) FROM jobs WHERE state = 'queued') AS waiting
    FROM attempts WHERE worker_id = $1::uuid AND started_at > to_timestamp($2) AND outcome = 'succeeded'
"""


async def parts_lost(episode: EpisodeContext) -> Proof:
    """Each worker loses a part of its browser after the other; the workers do so at the same time."""
    workers = episode.fleet.workers
    losses = [(part, number) for part in PARTS for number in _SIGNALS]
    measured_s: dict[str, float] = {}

    async def lose_each(first: int) -> None:
        for part, number in losses[first :: len(workers)]:
            seconds = await _lose(episode, workers[first], part, number)
            if seconds is not None:
                measured_s[f"{part} {number.name}"] = seconds

    await asyncio.gather(*map(lose_each, range(len(workers))))
    ended_s = {name: seconds for name, seconds in measured_s.items() if name.startswith(DRIVER)}
    back_s = {name: seconds for name, seconds in measured_s.items() if name not in ended_s}
    slowest = max(back_s, key=back_s.__getitem__)
    shown = (
        f"workers lost a part of Chromium {len(back_s)} times, and rendered again after "
        f"{back_s[slowest]:.1f} s at most ({slowest}); those that lost the driver ended, and the next ones "
        f"rendered after {max(ended_s.values()):.1f} s"
    )
    return Proof("parts lost", shown, back_s[slowest] <= BACK_S, dict(sorted(measured_s.items())))


async def _lose(
    episode: EpisodeContext, member: SupervisedProcess, part: str, number: signal.Signals
) -> float | None:
    """Seconds until the worker, or its successor, renders again; None: its browser has no such process."""
    await episode.held_by(member)
    worker_id = await episode.fleet.worker_id(member)
    fault = episode.note_fault(f"{part} {number.name}", worker_id=worker_id, detail="episode")
    if not signal_part(member.pid, part, number):
        fault.ended_at = fault.began_at
        return None
    back_at = None
    while back_at is None and now() < fault.began_at + _PATIENCE_S:
        await asyncio.sleep(_LOOK_S)
        worker_id = await episode.fleet.worker_id(member)
        (found,) = await episode.fetch(_BACK, worker_id, fault.began_at)
        back_at = found["at"]
        if found["waiting"] < len(episode.fleet.workers):  # there is something to render for each
            episode.callers.begin(_SMALL)
    fault.ended_at = back_at or now()
    return fault.ended_at - fault.began_at
