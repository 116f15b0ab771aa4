"""Playwright's driver is started small, and nobody else is."""

import asyncio
import os
import sys

import psutil
import pytest

from tests.kit.paths import ROOT
from worker.browser.launch import playwright_driver


def nodes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name().startswith("node")]


async def test_the_driver_is_told_to_be_small_and_an_operator_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=200")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    before = dict(os.environ)
    others = nodes()
    playwright = await playwright_driver.start()
    try:
        [node] = [child for child in nodes() if child not in others]
        variables = node.environ()
        assert variables["NODE_OPTIONS"] == "--max-semi-space-size=1 --max-old-space-size=200"
        assert variables["MALLOC_ARENA_MAX"] == "1"
        assert dict(os.environ) == before  # what is started later gets none of it
        assert await playwright_driver.answers(playwright)
        node.kill()
        node.wait()
        assert not await playwright_driver.answers(playwright)
    finally:
        await playwright_driver.stop(playwright)


# asyncio logs an error that nobody has looked at when the last reference to it goes: at the program's end.
LOSES_ITS_DRIVER = """
import asyncio, logging, psutil, uvloop
from worker.browser.launch import playwright_driver

async def main():
    playwright = await playwright_driver.start()
    [node] = psutil.Process().children()
    node.kill()
    while await playwright_driver.answers(playwright):
        pass
    await playwright_driver.stop(playwright)
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
