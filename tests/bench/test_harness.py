"""Tests of the benchmark's own functions for measuring, comparing and reporting."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.jobs.document.example import JOB_EXAMPLE
from tests.bench.cases.queue.tail import chance_wait
from tests.bench.clients.responder import ResponderError, responder
from tests.bench.report.measure import (
    OtherLoad,
    Spread,
    cpu_s,
    exact_cpu_s,
    figure,
    interleave,
    percentile,
    ratios,
    until_idle,
)
from tests.bench.report.report import Aim, Section, Table, write_section
from tests.bench.report.slow_jobs import SlowJob

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_cpu_of_descendants_that_have_ended_is_counted() -> None:
    grandchild = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", grandchild], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the grandchild has ended
        assert 0.28 <= cpu_s(child.pid) < 1.5
        child.communicate(b"\n")


def test_cpu_is_counted_more_exactly_than_in_ticks() -> None:
    burn = "import time\nwhile time.process_time() < 0.304: pass\nprint(time.process_time()); input()"
    with subprocess.Popen(
        [sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        said = float(child.stdout.readline())
        assert said <= exact_cpu_s(child.pid) < said + 0.05
        child.communicate(b"\n")


async def test_a_tree_that_does_nothing_is_idle() -> None:
    async with asyncio.timeout(5):
        await until_idle(os.getpid())


def test_our_own_load_is_not_that_of_others() -> None:
    load = OtherLoad()
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert 0 <= load.share() <= 1


async def test_contenders_take_turns_and_nobody_always_begins() -> None:
    order = []

    def contender(name: str) -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            order.append(name)
            return name

        return run

    names = ("a", "b", "c")
    contenders = {name: contender(name) for name in names}
    results = await interleave(contenders, rounds=3, tell=lambda *_: None)
    assert "".join(order) == "abcbcacab"
    assert results == {name: [name] * 3 for name in names}


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was half as fast in the second round.
    assert ratios([110, 220, 115], [100, 200, 100]) == Spread(1.1, 1.1, 1.15)


def test_percentiles_are_values_that_were_measured() -> None:
    values = list(range(1, 101))
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 99) == 7.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1234, "0.123"), (1.234, "1.23"), (12.34, "12.3"), (0.9999, "1.00"), (1234.5, "1,234")],
)
def test_figures_have_three_digits_that_matter(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_section_replaces_its_older_self_and_leaves_the_others(tmp_path: Path) -> None:
    def section(title: str, measured: str) -> Section:
        return Section(
            title, [Table(("", "ms"), [("row", measured)])], [Aim(f"{title} is fast", measured, is_met=True)]
        )

    order = ("first", "second")
    write_section(tmp_path, "second", section("Second", "2"), "*facts*", order)
    write_section(tmp_path, "first", section("First", "1"), "*facts*", order)
    page = write_section(tmp_path, "second", section("Second", "22"), "*facts*", order).read_text()
    assert page.index("## First") < page.index("## Second")
    assert page.count("## Second") == 1
    overview = page[: page.index("<!-- case")]
    assert "| First is fast | 1 | yes |\n| Second is fast | 22 | yes |" in overview
    assert "| row | 2 |" not in page


def test_a_section_of_another_command_stays_behind_those_of_the_bench(tmp_path: Path) -> None:
    order = ("first", "second")
    for name in ("soak", "second", "first", "soak"):
        known = () if name == "soak" else order
        page = write_section(tmp_path, name, Section(name.title()), f"*facts of {name}*", known).read_text()
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## First",
        "## Second",
        "## Soak",
    ]


async def test_a_child_that_ends_says_why(tmp_path: Path) -> None:
    with pytest.raises(ResponderError, match="No module named"):
        async with responder("tests.bench.nothing", environment=os.environ, log=tmp_path / "log"):
            pass


def test_the_story_of_a_slow_job_has_the_lines_of_all_logs_meanwhile_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "worker.log").write_text(
        '{"event": "too early", "timestamp": "2026-01-31T11:59:57.900000Z"}\n'
        '{"event": "the browser ended", "timestamp": "2026-01-31T12:00:01.500000Z"}\n'
        '{"event": "too late", "timestamp": "2026-01-31T12:00:04.200000Z"}\n'
    )
    (tmp_path / "data" / "postgres.log").write_text("2026-01-31 12:00:01.250 UTC [7] LOG:  checkpoint\n")
    redis_says = datetime(2026, 1, 31, 12, 0, 2, tzinfo=UTC).astimezone().strftime("%d %b %Y %H:%M:%S.000")
    (tmp_path / "data" / "redis.log").write_text(f"8:M {redis_says} * Asynchronous AOF fsync is too slow\n")
    job = SlowJob(JOB_EXAMPLE, datetime(2026, 1, 31, 12, tzinfo=UTC), 4.1)
    head, *lines = job.story(tmp_path).splitlines()
    assert head.startswith("took 4.10 s")
    assert "'capture': 96.1" in head
    assert [line.split(":")[0] for line in lines] == ["  postgres", "  worker", "  redis"]
    assert "the browser ended" in lines[1]


@pytest.mark.parametrize(
    ("slots", "share", "wait"),
    # Half of the callers of one slot wait: ln(50) / 0.5. Of two slots a third: ln(33.3). Of many nobody does.
    [(1, 0.5, 7.82), (2, 0.5, 3.51), (1, 0.01, 0.0), (100, 0.5, 0.0)],
)
def test_the_wait_that_chance_makes_is_that_of_erlang(slots: int, share: float, wait: float) -> None:
    assert chance_wait(slots, share) == pytest.approx(wait, abs=0.01)
