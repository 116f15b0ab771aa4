"""Records how the result comes about, and lets a recording answer instead of the web."""

from dataclasses import replace

from fleet.filters.store import ListName
from worker.render.context import Render
from worker.render.overlays.rules import AUTOCONSENT_VERSION


async def run(render: Render) -> None:
    """Begin both, before anything is loaded."""
    if render.replay is not None:
        render.terms = replace(render.terms, is_offline=True)
        await render.replay.answer(render.page, render.request)
    if render.recorder is not None:
        await render.recorder.begin(_rules(render))


def _rules(render: Render) -> dict[str, str]:
    """By what the page's requests and banners are judged, with dates or versions."""
    request = render.request
    rules = {"banners": f"autoconsent {AUTOCONSENT_VERSION}"} if request.block_cookie_banners else {}
    wanted = {ListName.ADS: request.block_ads, ListName.TRACKERS: request.block_trackers}
    if any(wanted.values()):
        facts = render.lists.facts()
        rules |= {name.value: f"{facts[name].title}, {facts[name].date}" for name in wanted if wanted[name]}
    return rules
