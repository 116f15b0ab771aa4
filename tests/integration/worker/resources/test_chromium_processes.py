"""Which processes a real Chromium has."""

import psutil

from tests.kit.stages.browser_stage import BrowserStage, until
from worker.resources.chromium_processes import descendants

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def test_every_process_below_the_browser_is_found(shared: BrowserStage) -> None:
    """Also if a new Chromium lets renderers, the GPU process or services start processes."""

    def all_are_found() -> bool:
        children = psutil.Process(shared.browser_pid).children(recursive=True)
        return {child.pid for child in children} == set(descendants(shared.browser_pid))

    async with shared.page() as page:
        await page.navigate(shared.site.url("/tiny"))
        assert shared.descendants("renderer")
        # A process may start or end between the two looks.
        await until(all_are_found, "the same processes, as the kernel and as we see them")
