"""Takes away the places of advertisements, consent banners and popups when the page has loaded."""

import asyncio

from worker.render.context import Render
from worker.render.hidden_ads import hide_ads
from worker.render.overlays.banners import RELOADED, BannersGone, clear_banners
from worker.render.overlays.popups import hide_popups
from worker.render.waiting.after_change import wait_after_change


async def run(render: Render) -> None:
    """Hide what advertisements leave, refuse or hide the banners, hide the popups, and wait for the changes.

    Raises:
        RenderError: what waiting for the page raises.
    """
    request, counts = render.request, render.blocked
    if request.block_ads:
        await hide_ads(render)
    if not (request.block_cookie_banners or request.block_popups):
        return
    counts.is_wanted = True
    clock = asyncio.get_running_loop().time
    began_at, loader = clock(), render.page.lifecycle.loader
    before = counts.banners, counts.popups
    if request.block_cookie_banners:
        await _banners(render)
    if request.block_popups:
        counts.popups += await hide_popups(render.page)
    # The page was ready in its time; what comes now has limits of its own.
    render.navigation_deadline += clock() - began_at
    if (counts.banners, counts.popups) != before:
        await wait_after_change(render, loader)


async def _banners(render: Render) -> None:
    loader = render.page.lifecycle.loader
    gone = await clear_banners(
        render.page, url=render.page_facts.final_url or "", may_click=render.request.java_script_enabled
    )
    _count(render, gone)
    if RELOADED in gone.names:
        # The next document may ask again: there the banner is only hidden.
        await wait_after_change(render, loader)
        url = render.page_facts.final_url or ""
        _count(render, await clear_banners(render.page, url=url, may_click=False))


def _count(render: Render, gone: BannersGone) -> None:
    render.blocked.banners += gone.refused + gone.hidden
    render.blocked.banners_refused += gone.refused
