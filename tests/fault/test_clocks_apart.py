"""An API and a worker whose clocks differ by a minute work together: Postgres' clock decides."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tests.kit.processes import api_process, started
from tests.kit.stages.stage import Stage

WRONG_CLOCK: Final = ("tests.kit.faults.jumping_clock",)
# More than a lease (3 s), and more than the time in which the jobs of this test expire.
APART_S: Final = 30


async def test_clocks_that_differ_expire_delay_and_lose_nothing(stage: Stage, tenant_key: str) -> None:
    log = stage.folder / "worker.log"
    ahead = {**stage.environment(), "CLOCK_WRONG_BY_S": str(APART_S)}
    behind = {**stage.environment(), "CLOCK_WRONG_BY_S": str(-APART_S)}
    async with (
        started(*WRONG_CLOCK, "worker", environment=ahead, log=log) as worker,
        api_process(behind, stage.folder / "api.log", tenant_key, runner=WRONG_CLOCK) as (_, client),
    ):
        await worker.logged("worker ready")
        # A job that would be over by the worker's clock, and one that would not be due by the API's.
        slow = {"url": stage.gate.url, "expires_in_s": APART_S - 10}
        soon = {"html": "<p>due</p>", "run_at": (await now(stage) + timedelta(seconds=1)).isoformat()}
        made = [(await client.post("/v1/jobs", json=job)).json() for job in (slow, soon)]
        await stage.gate.visited()
        await stage.beats(8)
        stage.gate.open()
        ends = [(await client.get(job["links"]["self"], params={"wait": 60})).json() for job in made]
        own = (await client.get("/v1/fleet")).json()
    assert [(end["status"], end["attempt"]) for end in ends] == [("succeeded", 1)] * 2
    for end in ends:
        assert abs(datetime.fromisoformat(end["finished_at"]) - await now(stage)) < timedelta(seconds=APART_S)
    assert len(own["workers"]) == 1


async def now(stage: Stage) -> datetime:
    """Postgres' time."""
    found = await stage.database.fetchval("SELECT now()")
    assert isinstance(found, datetime)
    return found.astimezone(UTC)
