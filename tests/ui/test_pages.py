"""What holds for every page of the dashboard: light and dark, on a desk and on a phone, empty and full."""

from collections.abc import Sequence
from typing import Final, Literal

import pytest

from api.ui.dashboard_page import DashboardPage
from api.ui.site import PAGES
from tests.ui.kit.dashboard import DESKTOP, PHONE, Dashboard, Visit

Look = tuple[Literal["light", "dark"], tuple[int, int]]
LOOKS: Final[tuple[Look, ...]] = (
    ("light", DESKTOP),
    ("light", PHONE),
    ("dark", PHONE),
    ("dark", DESKTOP),
)
# Each theme and each width once: what axe-core finds depends on one of them, and not on both together.
EXAMINED: Final = LOOKS[::2]
# What would be there if the words of a stranger, which the full dashboard has in each field, were markup.
HARMED: Final = "main script, main b, main img[src=x], main [onerror], main [onmouseover]"
FIXED = [page for page in PAGES if "{" not in page.path]


async def check(dashboard: Dashboard, page: DashboardPage, examined: Sequence[Look] = EXAMINED) -> str:
    """The page is readable for everybody, and the browser has nothing to complain of.

    Args:
        dashboard: whose page.
        page: which one.
        examined: the looks in which axe-core looks at it, which takes a second on a long page.

    Returns:
        What a person reads on it.
    """
    path = page.path.format(**dashboard.filled)
    async with dashboard.visit() as visit:
        await visit.open(path)
        await has_title(visit, page)
        said = await visit.text()
        assert await visit.page.locator(HARMED).count() == 0
        # One load for all four: what changes is only what style sheets do.
        for look in LOOKS:
            await put_on(visit, look)
            assert await visit.sideways() <= 0, (path, look)
        for look in examined:
            await put_on(visit, look)
            assert await visit.findings() == [], (path, look)
        assert visit.complaints == []
    return said


async def has_title(visit: Visit, page: DashboardPage) -> None:
    """The page has one heading, which is its title where that names nothing."""
    heading = visit.page.locator("h1")
    assert await heading.count() == 1
    assert await heading.inner_text() == page.title or "{" in page.path


async def put_on(visit: Visit, look: Look) -> None:
    """Let the page look like this."""
    scheme, (width, height) = look
    await visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await visit.page.set_viewport_size({"width": width, "height": height})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
async def test_a_full_page_and_what_it_says_without_script(full: Dashboard, page: DashboardPage) -> None:
    said = await check(full, page)
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open(page.path.format(**full.filled))
        await has_title(visit, page)
        assert len(await visit.text()) > 0.8 * len(said)


@pytest.mark.parametrize("page", FIXED, ids=lambda page: page.path)
async def test_an_empty_page(empty: Dashboard, page: DashboardPage) -> None:
    await check(empty, page)
