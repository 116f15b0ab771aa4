"""`make chaos` in small: every kind of load, faults at random, nothing lost and nothing recorded twice.

And the controls: workers without the fence, or without the sweeper, with which the same harness must find
what it looks for.
"""

import os
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from tests.chaos.cases.controls import CONTROLS, Control, check
from tests.chaos.cases.episodes import redis_gone
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.world import Ground
from tests.chaos.run import Plan, run

SEED = 1


@pytest.fixture
def ground(engines: Engines, database_url: str, tenant_key: str, redis: ArqRedis, tmp_path: Path) -> Ground:
    assert redis is not None  # it was emptied
    chromium = Path(os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"])
    return Ground(engines, database_url, tenant_key, tmp_path, chromium)


async def test_nothing_is_lost_or_recorded_twice_whatever_dies(ground: Ground) -> None:
    plan = Plan(Scale.short(seconds=8, seed=SEED), (redis_gone,))
    verdict = await run(ground, plan, print)
    assert verdict.violations == [], verdict.last_words
    assert verdict.accepted >= 10
    assert sum(verdict.faults.values()) >= 3


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"without the {control.without}")
async def test_without_what_the_promise_rests_on_the_same_run_fails(control: Control, ground: Ground) -> None:
    shown = await check(control, ground, seed=SEED, tell=print)
    assert shown.fails_as_it_should
