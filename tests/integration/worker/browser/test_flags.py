"""Chromium's command line as it really is, Playwright's own idea of it, and what Chromium knows of it."""

import mmap
from pathlib import Path

import psutil
import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from tests.kit.processes import command_line
from tests.kit.stages.browser_stage import BrowserStage, until
from worker.browser.launch import flags
from worker.browser.launch.declined_flags import DECLINED
from worker.resources.disk import uses_dev_shm
from worker.settings import BrowserSettings

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# A program that writes down how it was called, and is no browser.
SCRIBE = """#!/bin/sh
printf '%s\\n' "$@" >"$0.words"
exit 1
"""


async def test_chromium_is_started_with_our_list_and_nothing_else(shared: BrowserStage) -> None:
    words = command_line(psutil.Process(shared.browser_pid))[1:]
    values = dict(word.split("=", 1) for word in words if word.count("=") == 1)
    expected = flags.command_line(
        BrowserSettings().chromium_executable,
        profile=Path(values["--user-data-dir"]),
        port=int(values["--remote-debugging-port"]),
        proxy_port=shared.egress.refusing_port,
        sandbox=True,
        dev_shm=uses_dev_shm(),
    )
    assert words == expected


async def test_pages_are_in_chromiums_sandbox(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.navigate(shared.site.url("/tiny"))
        # The next warm page's process may have begun a moment ago: it closes the door behind itself.
        await until(lambda: all(map(is_sandboxed, shared.descendants("renderer"))), "the sandbox")
        assert shared.descendants("renderer")


def is_sandboxed(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status


async def test_what_playwright_passes_by_itself_was_judged(tmp_path: Path) -> None:
    """A new switch of Playwright belongs into worker/browser/launch/flags.py or declined_flags.py."""
    scribe = tmp_path / "scribe"
    scribe.write_text(SCRIBE)
    scribe.chmod(0o755)
    async with async_playwright() as playwright:
        with pytest.raises(PlaywrightError):
            await playwright.chromium.launch(executable_path=scribe, chromium_sandbox=True)
    passed = set()
    for word in scribe.with_suffix(".words").read_text().splitlines():
        switch, _, value = word.partition("=")
        if switch in {"--enable-features", "--disable-features"}:
            passed.update(value.split(","))
        else:
            passed.add(switch if switch == "--user-data-dir" else word)
    declined = {flag.name for flag in DECLINED}
    taken = {
        flag.name
        for listed in (
            flags.PER_LAUNCH,
            flags.FLAGS,
            flags.FULL_CHROMIUM_FLAGS,
            flags.FULL_CHROMIUM_ENABLED_FEATURES,
            flags.FULL_CHROMIUM_DISABLED_FEATURES,
        )
        for flag in listed
    }
    assert passed - taken == declined


async def test_chromium_knows_each_switch_that_it_gets(shared: BrowserStage) -> None:
    """A switch that an update of Chromium takes away fails here: it would be passed for nothing."""
    program = Path(psutil.Process(shared.browser_pid).exe())
    listed = flags.FLAGS if flags.is_headless_shell(program) else flags.FULL_CHROMIUM_FLAGS
    assert strings_missing(program, [flag.switch for flag in listed]) == []


def strings_missing(program: Path, wanted: list[str]) -> list[str]:
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return [string for string in wanted if text.find(f"\0{string}\0".encode()) < 0]


async def test_pages_are_shown_as_to_somebody_with_a_mouse(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.navigate(shared.site.url("/long"))
        await page.lifecycle.reach("load")
        assert await page.evaluate("matchMedia('(hover: hover) and (pointer: fine)').matches")
        # No scrollbar: a page that is longer than its window has all of the width.
        assert await page.evaluate("document.documentElement.clientWidth === innerWidth")
        assert await page.evaluate("document.documentElement.scrollHeight > innerHeight")
