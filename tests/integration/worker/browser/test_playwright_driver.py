"""Playwright's driver is started small, and nobody else is."""

import asyncio
import os
import sys

import psutil
import pytest

from tests.kit.paths import ROOT
from tests.kit.stages.browser_stage import until
from worker.browser.launch import playwright_driver
from worker.browser.launch.playwright_driver import Driver


def nodes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name().startswith("node")]


async def test_the_driver_is_told_to_be_small_and_an_operator_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=200")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    before = dict(os.environ)
    others = nodes()
    driver = await Driver.start()
    try:
        [node] = [child for child in nodes() if child not in others]
        variables = node.environ()
        assert variables["NODE_OPTIONS"] == "--max-semi-space-size=1 --max-old-space-size=200"
        assert variables["MALLOC_ARENA_MAX"] == "1"
        assert dict(os.environ) == before  # what is started later gets none of it
        assert await driver.answers()
        node.kill()
        node.wait()
        assert not await driver.answers()
    finally:
        await driver.stop()


async def test_a_driver_that_was_stopped_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playwright_driver, "_TIMEOUT_S", 0.1)
    others = nodes()
    driver = await Driver.start()
    [node] = [child for child in nodes() if child not in others]
    node.suspend()
    await driver.stop()
    await until(lambda: not node.is_running() or node.status() == psutil.STATUS_ZOMBIE, "its end")


# asyncio logs an error that nobody has looked at when the last reference to it goes: at the program's end.
LOSES_ITS_DRIVER = """
import asyncio, logging, psutil, uvloop
from worker.browser.launch.playwright_driver import Driver

async def main():
    driver = await Driver.start()
    [node] = psutil.Process().children()
    node.kill()
    while await driver.answers():
        pass
    await driver.stop()
    print("stopped")

logging.basicConfig()
uvloop.run(main())
"""


async def test_a_killed_driver_leaves_nothing_in_the_log_that_nobody_understands() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LOSES_ITS_DRIVER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await program.communicate()
    assert output.decode().splitlines() == ["stopped"]
