"""No process of the browser, nor Playwright's driver, inherits what the worker knows."""

import contextlib

import psutil
import pytest

from tests.kit.stages.browser_stage import browser_stage
from tests.site.server import Site

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

SECRETS = {
    "RENDERFLEET_DATABASE_URL": "postgresql://somebody:a-marker@nowhere/",
    "RENDERFLEET_SECRET_KEYS": "a-marker",
    "AWS_SECRET_ACCESS_KEY": "a-marker",
    "SOMETHING_OF_THE_OPERATOR": "a-marker",
}


async def test_children_of_a_worker_know_no_secret(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    async with browser_stage(site) as stage, stage.page() as page:
        await page.navigate(site.url("/tiny"))
        seen = {"chromium": 0, "driver": 0}
        for process in psutil.Process().children(recursive=True):
            # Sandboxed ones show nothing.
            with contextlib.suppress(psutil.AccessDenied, psutil.NoSuchProcess):
                own = process.environ()
                kind = "driver" if "node" in process.name() else "chromium"
                allowed = {"SOMETHING_OF_THE_OPERATOR"} if kind == "driver" else set()
                assert not {name for name in own if "a-marker" in own[name]} - allowed, process.name()
                seen[kind] += 1
        assert all(seen.values()), seen
        assert await page.evaluate("document.title") == "tiny"
