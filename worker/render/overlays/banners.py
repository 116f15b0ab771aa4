"""Consent banners: refused by the rules of autoconsent, hidden where they cannot be refused.

The rules run in our isolated world of each document. What they want to know of the page's own variables
(`Cookiebot`, `Didomi` …) is asked in the page's own world, by us, between two steps: a binding would report
this too, but only while Chromium reports all that the page writes to its console.
"""

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.browser.page import Page
from worker.render.in_page import script
from worker.render.overlays.frames import OVERLAYS, ConsentFrame, consent_frames, hide_frame
from worker.render.overlays.rules import has_own_rules, rules_for, signs

# From the moment at which a banner was found.
LIMIT_S: Final = 2.0
# The page has loaded another document instead of an answer.
RELOADED: Final = "reloaded"
# For a document that does not answer: what it takes on a busy machine to find that there is nothing.
_ANSWER_S: Final = 3.0
# As the rules of autoconsent, which wait for an answer of the page's own variables for a second.
_VARIABLES_S: Final = 1.0
_SIGNS: Final = script("consent_signs.js")
# By these the rules that are code know Cookiebot, Consentmanager and GDPR Legal Cookie.
_PLATFORM_VARIABLES: Final = """["Cookiebot", "__cmp", "GDPR_LC"].some(name => globalThis[name])"""
_ALL_OF: Final = """[%s].map(ask => {
  try { return !!ask() } catch { return false }
})"""


@dataclass(slots=True)
class BannersGone:
    """What became of the consent banners of a page.

    Attributes:
        refused: banners that were answered with a refusal, and went.
        hidden: banners that do not let one refuse, or not in time.
        names: rules that found them, such as `Onetrust`; `home-made` for those of no known platform, `frame`
            for a frame that went with its answer, and RELOADED.
    """

    refused: int = 0
    hidden: int = 0
    names: tuple[str, ...] = ()


async def clear_banners(page: Page, *, url: str, may_click: bool) -> BannersGone:
    """Take away the consent banners of a page and of its frames.

    Args:
        page: that is at rest.
        url: its address.
        may_click: whether banners may be answered; if not, they are only hidden.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    documents = [_clear(page, None, url, may_click=may_click)]
    documents += [_clear_frame(page, frame, may_click=may_click) for frame in await consent_frames(page)]
    gone = BannersGone()
    for one in await asyncio.gather(*documents):
        gone.refused += one.refused
        gone.hidden += one.hidden
        gone.names += one.names
    return gone


async def _clear(page: Page, frame_id: str | None, url: str, *, may_click: bool) -> BannersGone:
    """Take away the banners of one document."""
    is_main = frame_id is None
    if is_main and not await _may_have_banner(page, url):
        return BannersGone()
    options = json.dumps({"isTop": is_main, "mayClick": may_click, "limitMs": round(LIMIT_S * 1000)})
    rules = rules_for(url, is_main=is_main)
    start = f"{_program()}\nbanners.start({{...{options}, rules: {rules}}})"
    try:
        async with asyncio.timeout(LIMIT_S + _ANSWER_S):
            said = await page.evaluate(start, frame_id=frame_id)
            while "evals" in said:
                codes = [one["code"] for one in said["evals"]]
                values = await _variables(page, codes) if is_main else [False] * len(codes)
                answers = [[one["id"], value] for one, value in zip(said["evals"], values, strict=True)]
                said = await page.evaluate(f"banners.next({json.dumps(answers)})", frame_id=frame_id)
    except (TimeoutError, EvaluationError):
        return BannersGone()  # its scripts keep it busy, or it has changed our world's objects
    except ProtocolError:
        # A page that has gone on was answered, and so was a frame that is there no more.
        await page.require_alive()
        return BannersGone(refused=1, names=(RELOADED if is_main else "frame",))
    outcome: dict[str, Any] = said["outcome"]
    names = (str(outcome["name"]),) if outcome["name"] else ()
    return BannersGone(outcome["refused"], outcome["hidden"], names)


async def _variables(page: Page, codes: list[str]) -> list[bool]:
    """What the rules want to know of the page's own variables. No rule for frames asks for any."""
    try:
        async with asyncio.timeout(_VARIABLES_S):
            values = await page.evaluate_as_page(_ALL_OF % ", ".join(f"() => {code}" for code in codes))
    except (TimeoutError, EvaluationError):
        values = None  # its scripts keep it busy, or have changed what arrays do
    is_answer = isinstance(values, list) and len(values) == len(codes)
    return [value is True for value in values] if is_answer else [False] * len(codes)


async def _may_have_banner(page: Page, url: str) -> bool:
    """Whether the rules are worth their time: most pages have no banner."""
    if await asyncio.to_thread(has_own_rules, url):  # at first it takes 0.2 s
        return True
    try:
        async with asyncio.timeout(_ANSWER_S):
            found = await page.evaluate(f"{OVERLAYS}\n{_SIGNS}\nconsentSigns.look({signs()})")
            if found["areThere"] is True or not found["hasScripts"]:
                return found["areThere"] is True
            return await _variables(page, [_PLATFORM_VARIABLES]) == [True]
    except (TimeoutError, EvaluationError):
        return False  # its scripts keep it busy
    except ProtocolError:
        await page.require_alive()  # another document comes
        return False


async def _clear_frame(page: Page, frame: ConsentFrame, *, may_click: bool) -> BannersGone:
    """Take away a banner that is a frame: it is answered inside, and hidden from outside."""
    gone = await _clear(page, frame.id, frame.url, may_click=may_click)
    if gone.hidden:
        await hide_frame(page, frame)
    return gone


@cache
def _program() -> str:
    # Read when it is first asked for: 140 KB that most workers never need.
    library = script("vendor/autoconsent.js")
    return f"{OVERLAYS}\n{_SIGNS}\n(() => {{ const module = {{}};\n{library}\n{script('banners.js')}\n}})();"
