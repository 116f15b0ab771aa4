"""A worker in a container that is too small: no job at first, then one at a time, and never in silence."""

import sys

from fleet.jobs.job import State
from fleet.workers.registry import PresentWorker, list_present
from fleet.workers.vitals import MemoryVitals
from tests.kit.stages.stage import Stage
from worker.resources.memory.worker_memory import ProcessGroup

# More than any machine has: whatever is free is too little.
A_TIB_IN_MB = str(2**20)


async def told(stage: Stage) -> PresentWorker:
    """What the only worker has reported last."""
    [worker] = await list_present(stage.database)
    return worker


def check_parts(memory: MemoryVitals) -> None:
    """A worker has all kinds of processes, and each has memory."""
    assert memory.used_bytes + memory.free_bytes == memory.limit_bytes
    if memory.pss_bytes is None:
        assert sys.platform != "linux"
        return
    parts = memory.model_dump(include={f"{part}_pss_bytes" for part in ProcessGroup})
    assert all(parts.values()), parts
    assert sum(parts.values()) == memory.pss_bytes < memory.rss_bytes


async def test_a_worker_without_memory_renews_its_browser_and_then_takes_one_job_at_a_time(
    stage: Stage,
) -> None:
    async with stage.worker("worker", MEMORY_RESERVE_MB=A_TIB_IN_MB, BROWSER_MAX_PAGES="2") as process:
        first = await told(stage)
        jobs = [await stage.enqueue(url=stage.gate.url) for _ in range(2)]
        assert first.vitals is not None
        assert first.vitals.holds == ["too little memory is free"]
        assert first.vitals.memory is not None
        check_parts(first.vitals.memory)
        await stage.gate.visited()
        await stage.beats(2)
        later = await told(stage)
        assert (stage.gate.visits, later.busy) == (1, 1)  # the second slot stays empty
        stage.gate.open()
        assert [(await stage.ended(job)).state for job in jobs] == [State.SUCCEEDED] * 2
    assert later.vitals is not None
    assert (later.browser_generation, later.vitals.browser.recycles) == (2, {"memory": 1})
    assert [line["event"] for line in process.lines() if "too little memory" in line["event"]] == [
        "too little memory is free, taking no jobs",
        "too little memory without any render, replacing the browser",
        "too little memory even with a new browser, taking one job at a time",
    ]
