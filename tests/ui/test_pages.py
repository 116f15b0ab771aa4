"""What holds for every page of the dashboard: light and dark, on a desk and on a phone, empty and full."""

from typing import Final, Literal

import pytest

from api.ui.dashboard_page import DashboardPage
from api.ui.site import PAGES
from tests.ui.kit.dashboard import DESKTOP, PHONE, Dashboard

LOOKS: Final[tuple[tuple[Literal["light", "dark"], tuple[int, int], bool], ...]] = (
    ("light", DESKTOP, True),
    ("light", PHONE, False),
    ("dark", PHONE, True),
    ("dark", DESKTOP, False),
)
FIXED = [page for page in PAGES if "{" not in page.path]


async def check(dashboard: Dashboard, page: DashboardPage) -> None:
    """The page is readable for everybody, and the browser has nothing to complain of."""
    path = page.path.format(**dashboard.filled)
    async with dashboard.visit() as visit:
        await visit.open(path)
        # One load for all four: what changes is only what style sheets do. What axe-core looks at takes
        # seconds on a long page, so it looks at each theme and each width once.
        for scheme, (width, height), is_examined in LOOKS:
            await visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await visit.page.set_viewport_size({"width": width, "height": height})
            place = (path, scheme, width)
            assert await visit.sideways() <= 0, place
            assert not is_examined or await visit.findings() == [], place
        assert await visit.page.locator("h1").count() == 1
        assert visit.complaints == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_a_full_page(full: Dashboard, page: DashboardPage) -> None:
    await check(full, page)


@pytest.mark.parametrize("page", FIXED, ids=lambda page: page.path)
async def test_an_empty_page(empty: Dashboard, page: DashboardPage) -> None:
    await check(empty, page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_a_page_reads_without_script(full: Dashboard, page: DashboardPage) -> None:
    path = page.path.format(**full.filled)
    async with full.visit(java_script_enabled=False) as without, full.visit() as visit:
        await without.open(path)
        await visit.open(path)
        for shown in (without, visit):
            assert await shown.page.locator("h1").inner_text() == page.title or "{" in page.path
        assert len(await without.text()) > 0.8 * len(await visit.text())
