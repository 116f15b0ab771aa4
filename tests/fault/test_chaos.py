"""A short `make chaos`: all kinds of load and random faults; no job is lost and none is recorded twice.

And the controls: with workers without the fence, or without the sweeper, the same run must find that.
"""

import os
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from tests.chaos.cases.controls import CONTROLS, Control, check
from tests.chaos.cases.episodes import redis_gone
from tests.chaos.cases.faults import KINDS, PARTS
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.fleet_under_test import RunEnvironment
from tests.chaos.run import Plan, run
from tests.kit.forks.child import forked
from tests.kit.paths import ROOT

SEED = 1


@pytest.fixture
def environment(
    engines: Engines, database_url: str, tenant_key: str, redis: ArqRedis, tmp_path: Path
) -> RunEnvironment:
    assert redis is not None  # it was emptied
    chromium = Path(os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"])
    return RunEnvironment(engines, database_url, tenant_key, tmp_path, chromium, start=forked)


async def test_nothing_is_lost_or_recorded_twice_whatever_fails(environment: RunEnvironment) -> None:
    plan = Plan(Scale.short(seconds=8, seed=SEED), (redis_gone,))
    verdict = await run(environment, plan, print)
    assert verdict.violations == [], verdict.log_samples
    assert verdict.accepted >= 10
    assert sum(verdict.faults.values()) >= 3


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"without the {control.without}")
async def test_without_the_fence_or_the_sweeper_a_run_fails(
    control: Control, environment: RunEnvironment
) -> None:
    shown = await check(control, environment, seed=SEED, tell=print)
    assert shown.fails_as_it_should


def test_each_process_of_the_browser_is_killed_and_stopped() -> None:
    words = (ROOT / "docs/chaos.md").read_text()
    for part in PARTS:
        assert {f"{part} SIGKILL", f"{part} SIGSTOP"} <= {kind.name for kind in KINDS}
        assert part in words, "docs/chaos.md names all of them"
