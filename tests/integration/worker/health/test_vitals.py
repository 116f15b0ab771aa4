"""How often a worker looks at its own processes, which costs it more than anything else that it does idle."""

from prometheus_client import REGISTRY

from fleet.telemetry.metrics.of_worker import WORKER_MEMORY_BYTES
from tests.kit.stages.browser_stage import BrowserStage, until
from worker.blocking.filter_lists import FilterLists
from worker.health.vitals import MEASURE_INTERVAL_S, VitalsReporter
from worker.resources.admission import Admission
from worker.resources.cgroup import Container

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


class Intake:
    """Has no job, whatever it is told."""

    running = 0

    def allow(self, at_most: int, because: str) -> None:
        pass

    def hold(self, reason: str) -> None:
        pass

    def release(self, reason: str) -> None:
        pass


class Watched:
    """A reporter beside a pool, with a clock of its own."""

    def __init__(self, stage: BrowserStage) -> None:
        self.now = 100.0
        container = Container.own()
        admission = Admission(container, Intake(), stage.pool, slots=1, reserve_bytes=0)
        self.reporter = VitalsReporter(
            stage.pool,
            container,
            admission,
            lists=FilterLists(),
            holds=list,
            clock=lambda: self.now,
        )

    async def has_measured(self) -> bool:
        """Whether it looks at its processes, one interval later."""
        self.now += MEASURE_INTERVAL_S
        WORKER_MEMORY_BYTES.labels("python").set(0)
        await self.reporter.measure()
        return bool(REGISTRY.get_sample_value("renderfleet_worker_memory_bytes", {"part": "python"}))


async def rendered(stage: BrowserStage) -> None:
    """One render, until its page is given back."""
    async with stage.page() as page:
        await page.evaluate("1")
    await until(lambda: not stage.pool.busy, "the page is given back")


async def test_a_worker_that_renders_nothing_measures_itself_once_a_minute(shared: BrowserStage) -> None:
    watched = Watched(shared)
    await rendered(shared)
    looks = [await watched.has_measured() for _ in range(11)]
    # The first two tell of intervals in which a page rendered, or may have.
    assert looks == [True, True, False, False, False, True, False, False, False, True, False]


async def test_a_render_is_measured_while_it_runs_and_until_it_is_over(shared: BrowserStage) -> None:
    watched = Watched(shared)
    while await watched.has_measured():
        pass
    async with shared.page():
        assert await watched.has_measured()
        assert await watched.has_measured()
    await rendered(shared)
    assert await watched.has_measured()
    assert await watched.has_measured()  # the CPU of an interval without a render
    assert not await watched.has_measured()
