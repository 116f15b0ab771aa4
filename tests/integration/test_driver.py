"""Playwright's driver is started small, and nobody else is."""

import os

import psutil
import pytest

from worker import driver


def nodes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.name().startswith("node")]


async def test_the_driver_is_told_to_be_small_and_an_operator_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=200")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    before = dict(os.environ)
    others = nodes()
    playwright = await driver.start()
    try:
        [node] = [child for child in nodes() if child not in others]
        variables = node.environ()
        assert variables["NODE_OPTIONS"] == "--max-semi-space-size=1 --max-old-space-size=200"
        assert variables["MALLOC_ARENA_MAX"] == "1"
        assert dict(os.environ) == before  # what is started later gets none of it
        assert await driver.answers(playwright)
        node.kill()
        node.wait()
        assert not await driver.answers(playwright)
    finally:
        await driver.stop(playwright)
