"""Short versions of the long runs: they find faults, and a fleet without faults passes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.engines import Engines
from tests.bench.clients.product import Product
from tests.kit.forks.child import forked
from tests.soak.load import RenderEnd
from tests.soak.memory import Memory, Part
from tests.soak.mix import WORDS
from tests.soak.plan import Plan
from tests.soak.result import Kill, MemorySample, RunResult
from tests.soak.run import run
from tests.soak.verdict import audit_aims, growing, kill_aims, outliers, soak_aims

MB = 1_000_000
PLAN = Plan(renders=300, seconds=60, workers=3, pages=1, mix=(WORDS,))


@pytest.fixture
def product(engines: Engines, database_url: str, tenant_key: str, redis: ArqRedis, tmp_path: Path) -> Product:
    assert redis is not None  # it was emptied
    variables = {
        **clean_environment(HOME=str(tmp_path), TMPDIR=str(tmp_path)),
        **engines.environment,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_DATA_DIR": str(tmp_path / "data"),
        "RENDERFLEET_CHROMIUM_EXECUTABLE": os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"],
        **{f"RENDERFLEET_{name.upper()}": value for name, value in PLAN.settings.items()},
    }
    return Product(engines, tmp_path, variables, tenant_key, starter=forked)


async def test_a_worker_that_keeps_something_of_each_render_is_flagged_by_name(product: Product) -> None:
    few = replace(
        PLAN, renders=24, idle_checks=4, idle_s=0.1, check_every=8, max_growth_kb=8_000, leak_kb=24_000
    )
    result = await run(product, few, print)
    assert outliers(result) == growing(result) == {"worker-3"}
    assert [aim.is_met for aim in audit_aims(result)] == [True]
    assert (result.renders, result.ledger.checked, result.ledger.failed, result.ledger.flaws) == (
        24,
        3,
        [],
        [],
    )
    assert result.left_behind == []


async def test_no_job_is_lost_or_fails_when_browsers_are_killed(product: Product) -> None:
    short = replace(PLAN, renders=10**6, workers=2, seconds=3, idle_checks=0, kill_every_s=0.8)
    result = await run(product, short, print)
    aims = kill_aims(result)
    assert all(aim.is_met for aim in aims), [aim.measured for aim in aims]
    assert len(result.kills) >= 2
    assert result.crashes["crash"] >= 2
    assert any(kill.back_s is not None for kill in result.kills)


def result_of(*megabytes: tuple[float, float, float], renders: int = 300) -> RunResult:
    """A result with three workers. Each argument is their memory at rest, a minute and 30 renders later."""
    result = RunResult(replace(PLAN, renders=renders), 0.0)
    result.names = {f"id-{number}": f"worker-{number}" for number in (1, 2, 3)}
    result.ledger.ends = [
        RenderEnd(60.0 * number / 30, "words", "succeeded", "", 1, f"id-{number % 3 + 1}", 1, 100.0)
        for number in range(renders)
    ]
    result.ledger.accepted = renders
    result.rows = {"succeeded": renders}
    result.idle = [
        MemorySample(
            60.0 * minute, 30 * minute, {f"worker-{place}": memory(one) for place, one in enumerate(row, 1)}
        )
        for minute, row in enumerate(megabytes, start=1)
    ]
    return result


def memory(megabytes: float, files: float = 50) -> Memory:
    return Memory({**dict.fromkeys(Part, 0.0), Part.PYTHON: (megabytes + files) * MB}, files * MB, 1)


def met(result: RunResult) -> list[bool]:
    return [aim.is_met for aim in audit_aims(result)]


STEADY = [(200.0, 205.0, 210.0)] * 10


def test_steady_workers_pass() -> None:
    assert met(result_of(*STEADY)) == [True, True, True]
    assert [aim.is_met for aim in soak_aims(result_of(*STEADY))] == [True, True]


def test_a_worker_above_its_peers_stands_out() -> None:
    result = result_of(*STEADY[:-1], (200, 205, 300))
    assert outliers(result) == {"worker-3"}
    assert met(result) == [False, True, True]


def test_workers_that_all_grow_are_all_named() -> None:
    # 10 renders of each a minute: 300 KB a minute are 30 KB a render.
    result = result_of(*[(200 + 0.3 * minute,) * 3 for minute in range(10)])
    assert growing(result) == {"worker-1", "worker-2", "worker-3"}
    assert met(result) == [True, False, True]
    assert met(result_of(*[(200 + 0.1 * minute,) * 3 for minute in range(10)])) == [True, True, True]


def test_programs_that_fewer_browsers_share_are_no_leak() -> None:
    result = result_of(*STEADY)
    result.idle = [
        replace(one, memory={**one.memory, "worker-3": memory(210, files=50 + 20 * minute)})
        for minute, one in enumerate(result.idle)
    ]
    assert met(result) == [True, True, True]


def test_what_grows_before_caches_are_full_is_no_leak() -> None:
    assert growing(result_of((150, 150, 150), (170, 170, 170), *STEADY[:3])) == set()


@pytest.mark.parametrize(("last", "is_met"), [(225.0, True), (235.0, False), (175.0, False)])
def test_memory_at_the_end_is_compared_with_that_of_the_beginning(last: float, is_met: bool) -> None:  # noqa: FBT001
    assert soak_aims(result_of((205,) * 3, (last,) * 3))[1].is_met is is_met


def test_a_soak_that_was_stopped_early_proves_nothing() -> None:
    result = result_of(*STEADY)
    result.plan = replace(result.plan, renders=301)
    assert not soak_aims(result)[1].is_met


def test_a_failed_render_a_flawed_picture_and_a_worker_that_ended_are_not_hidden() -> None:
    failed, flawed, ended = (result_of(*STEADY) for _ in range(3))
    failed.ledger.ends[7] = replace(failed.ledger.ends[7], word="page_crashed")
    flawed.ledger.flaws = ["a picture of one colour"]
    ended.own_ends = 1
    assert [soak_aims(result)[0].is_met for result in (failed, flawed, ended)] == [False] * 3


def test_a_job_that_nobody_saw_end_is_lost() -> None:
    result = result_of(*STEADY)
    result.plan = replace(result.plan, kill_every_s=20)
    result.kills = [Kill(3.0, "worker-1", 0.9)]
    assert [aim.is_met for aim in kill_aims(result)] == [True, True]
    result.rows = {"succeeded": result.renders - 1, "running": 1}
    assert [aim.is_met for aim in kill_aims(result)] == [False, True]


def test_a_run_in_which_nothing_was_killed_proves_nothing() -> None:
    result = result_of(*STEADY)
    result.plan = replace(result.plan, kill_every_s=20)
    assert [aim.is_met for aim in kill_aims(result)] == [False, True]
