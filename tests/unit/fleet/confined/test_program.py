"""Work in a process with limits."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fleet.confined.limits import (
    BrokenProgramError,
    ConfinedError,
    Limit,
    LimitPassedError,
    Limits,
    RefusedWorkError,
)
from fleet.confined.program import ConfinedProgram
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import command_line
from tests.kit.stages.browser_stage import until

LIMITS = Limits(cpu_s=20, wall_s=60, memory_bytes=2**28, output_bytes=10_000_000)


@pytest.fixture(scope="module")
def confined() -> Iterator[ConfinedProgram]:
    shared = ConfinedProgram("tests.unit.fleet.confined.programs")
    yield shared
    shared.stop()


def helpers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if "tests.unit.fleet.confined.programs" in command_line(one)]


def runs() -> list[psutil.Process]:
    """The processes that run. One that has ended is a child for a moment more, until it is reaped."""
    return [child for helper in helpers() for child in helper.children() if not has_ended(child)]


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def written(path: Path) -> int:
    """Wait until a run has written its process id."""
    await until(lambda: path.exists() and path.read_text() != "", "a run that has begun")
    return int(path.read_text())  # noqa: ASYNC240 - a few bytes


async def test_a_program_works_on_what_it_is_given(confined: ConfinedProgram) -> None:
    large = os.urandom(5_000_000)
    assert await confined.run(large, "reverse", limits=LIMITS) == large[::-1]
    assert await confined.run(b"", "reverse", limits=LIMITS) == b""


async def test_runs_at_the_same_time_do_not_mix(confined: ConfinedProgram) -> None:
    given = [os.urandom(300_000) for _ in range(12)]
    found = await asyncio.gather(*(confined.run(data, "reverse", limits=LIMITS) for data in given))
    assert found == [data[::-1] for data in given]
    assert runs() == []


@pytest.mark.parametrize(
    ("task", "limits", "limit", "sentence"),
    [
        (("burn",), replace(LIMITS, cpu_s=1), Limit.CPU, "used more than 1 s of CPU"),
        (("sleep", os.devnull), replace(LIMITS, wall_s=0.2), Limit.TIME, "took longer than 0.2 s"),
        (("hoard",), LIMITS, Limit.MEMORY, "needed more than 256 MiB of memory"),
        (("talk", "1001"), replace(LIMITS, output_bytes=1000), Limit.OUTPUT, "made more than 1,000 bytes"),
    ],
)
async def test_each_limit_has_its_own_error(
    confined: ConfinedProgram, task: tuple[str, ...], limits: Limits, limit: Limit, sentence: str
) -> None:
    with pytest.raises(LimitPassedError, match=sentence) as caught:
        await confined.run(b"", *task, limits=limits)
    assert caught.value.limit is limit
    assert runs() == []
    assert await confined.run(b"go on", "reverse", limits=LIMITS) == b"no og"


async def test_a_result_of_the_largest_size_is_given(confined: ConfinedProgram) -> None:
    assert await confined.run(b"", "talk", "1000", limits=replace(LIMITS, output_bytes=1000)) == bytes(1000)


async def test_files_are_limited_too(confined: ConfinedProgram, tmp_path: Path) -> None:
    limits = replace(LIMITS, output_bytes=1000)
    with pytest.raises(LimitPassedError) as caught:
        await confined.run(b"", "write", str(tmp_path / "file"), "1001", limits=limits)
    assert caught.value.limit is Limit.OUTPUT
    assert (tmp_path / "file").stat().st_size == 1000


async def test_a_program_that_refuses_says_why(confined: ConfinedProgram) -> None:
    with pytest.raises(RefusedWorkError) as caught:
        await confined.run(b"x" * 1_000_000, "refuse", limits=LIMITS)
    assert caught.value.facts == {"line": 3, "reason": "no\nsuch thing"}


@pytest.mark.parametrize(
    ("task", "said"), [("fail", "nobody expected this"), ("die", f"with {-signal.SIGSEGV}")]
)
async def test_a_program_that_breaks_is_an_error_of_ours(
    confined: ConfinedProgram, task: str, said: str
) -> None:
    with pytest.raises(BrokenProgramError, match=said):
        await confined.run(b"x" * 1_000_000, task, limits=LIMITS)


async def test_many_warnings_do_not_stop_it(confined: ConfinedProgram) -> None:
    assert await confined.run(b"", "warn", limits=LIMITS) == b""


async def test_it_inherits_nothing(confined: ConfinedProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERFLEET_SECRET_KEYS", "secret")
    confined.stop()
    held = [asyncio.create_task(confined.run(b"", "sleep", os.devnull, limits=LIMITS)) for _ in range(3)]
    names, open_files = json.loads(await confined.run(b"", "surroundings", limits=LIMITS))
    assert set(names) <= {"LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TZ"}
    assert open_files == 4  # the three of every process, and the folder that is being listed
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_it_ends_with_the_render_that_asked(confined: ConfinedProgram, tmp_path: Path) -> None:
    run = asyncio.create_task(confined.run(b"", "sleep", str(tmp_path / "pid"), limits=LIMITS))
    pid = await written(tmp_path / "pid")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not psutil.pid_exists(pid)


async def test_it_ends_with_the_worker(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"""
import asyncio
from tests.unit.fleet.confined.test_program import LIMITS
from fleet.confined.program import ConfinedProgram
program = ConfinedProgram("tests.unit.fleet.confined.programs")
asyncio.run(program.run(b"", "sleep", "{pid_file}", limits=LIMITS))
"""
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    run = psutil.Process(await written(pid_file))
    helper = run.parent()
    assert helper is not None
    worker.kill()
    await worker.wait()
    await asyncio.to_thread(psutil.wait_procs, [run, helper], timeout=PATIENCE_S)
    assert not run.is_running()
    assert not helper.is_running()


async def test_the_helper_ends_when_nobody_needs_it() -> None:
    confined = ConfinedProgram("tests.unit.fleet.confined.programs", idle_s=0.0)
    before = {helper.pid for helper in helpers()}
    await confined.run(b"", "reverse", limits=LIMITS)
    await until(lambda: {helper.pid for helper in helpers()} == before, "the helper's end")
    assert await confined.run(b"ab", "reverse", limits=LIMITS) == b"ba"
    confined.stop()


async def test_a_helper_that_was_killed_is_started_again(confined: ConfinedProgram) -> None:
    await confined.run(b"", "reverse", limits=LIMITS)
    (helper,) = helpers()
    run = asyncio.create_task(confined.run(b"", "sleep", os.devnull, limits=replace(LIMITS, wall_s=1)))
    await until(lambda: runs() != [], "a run that has begun")
    helper.kill()
    helper.wait()
    assert await confined.run(b"ab", "reverse", limits=LIMITS) == b"ba"
    with pytest.raises(BrokenProgramError, match="its helper ended"):
        await run


async def test_a_module_that_cannot_be_imported_is_an_error_of_ours() -> None:
    missing = ConfinedProgram("tests.unit.fleet.confined.missing")
    with pytest.raises(BrokenProgramError):
        await missing.run(b"", limits=LIMITS)
    missing.stop()


async def number(confined: ConfinedProgram, *, is_shared: bool = True) -> bytes:
    return await confined.run(b"", "number", limits=LIMITS, is_shared=is_shared)


async def test_runs_share_a_process_if_they_may(confined: ConfinedProgram) -> None:
    large = os.urandom(5_000_000)
    first = await number(confined)
    assert await confined.run(large, "reverse", limits=LIMITS, is_shared=True) == large[::-1]
    assert await number(confined) == first
    assert await number(confined, is_shared=False) != first
    at_once = await asyncio.gather(*(number(confined) for _ in range(3)))
    assert len(set(at_once)) == 3
    await until(lambda: len(runs()) == 1, "the end of those that are not kept")
    confined.stop()
    assert runs() == []


async def test_a_shared_process_is_replaced_after_some_runs(confined: ConfinedProgram) -> None:
    used = [await number(confined) for _ in range(101)]
    assert len(set(used)) == 2
    await until(lambda: len(runs()) == 1, "the end of the first")


@pytest.mark.parametrize("task", ["fail", "die", "refuse"])
async def test_a_run_that_fails_ends_a_shared_process(confined: ConfinedProgram, task: str) -> None:
    first = await number(confined)
    with pytest.raises(ConfinedError):
        await confined.run(b"x" * 1_000_000, task, limits=LIMITS, is_shared=True)
    assert runs() == []
    assert await number(confined) != first


async def test_a_limit_of_time_is_for_one_run(confined: ConfinedProgram, tmp_path: Path) -> None:
    short = replace(LIMITS, wall_s=2.0)
    await confined.run(b"", "reverse", limits=short, is_shared=True)
    first = await number(confined)
    held = asyncio.create_task(confined.run(b"", "sleep", str(tmp_path / "pid"), limits=short))
    with pytest.raises(LimitPassedError):  # another one has begun later, and its time is over
        await held
    assert await number(confined) == first


async def test_a_shared_process_ends_with_the_render_that_is_cancelled(
    confined: ConfinedProgram, tmp_path: Path
) -> None:
    await number(confined)
    path = str(tmp_path / "pid")
    run = asyncio.create_task(confined.run(b"", "sleep", path, limits=LIMITS, is_shared=True))
    pid = await written(tmp_path / "pid")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not psutil.pid_exists(pid)


async def test_a_shared_process_that_was_killed_while_it_waited_is_replaced(
    confined: ConfinedProgram,
) -> None:
    pid = int(await number(confined))
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not psutil.pid_exists(pid), "the process's end")
    assert int(await number(confined)) != pid
