"""Waits until a page is at rest: as finished as a person would call it.

At rest means that for 100 ms nothing that one sees has changed, in no frame: no layout, no canvas; or for
5 ms, if nothing is known that could change it. Animations which end by themselves have ended; and fonts,
pictures in view, requests and short timers are not awaited any more. What goes on for ever (endless
animations, clocks, polls, streams, players) is not waited for.

Who knows what: the documents themselves watch what one sees (in_page/quiet.js), a script in the page's own
world keeps account of what its scripts have begun (worker/browser/begun.js), and the page's port of the
egress proxy knows the rest of its requests. So nothing has to report every request.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Final

from worker.browser.devtools import ProtocolError
from worker.browser.document.script_value import EvaluationError
from worker.browser.page import Page
from worker.render.context import Render
from worker.render.in_page import script

# Enough for an entrance animation of two seconds and what follows it.
SETTLE_S: Final = 3.0
# What a page may take after its load event to be finished, for `wait_until=auto`.
AUTO_S: Final = 5.0
# As long as the documents have to be quiet (in_page/quiet.js).
_QUIET_S: Final = 0.1
# What the page may take to answer when its time is over: it says what goes on.
_ANSWER_S: Final = 0.5
# A part of the page, such as a picture of a style sheet, is seldom silent for longer; of a tunnel nobody
# knows what is in it, so that it is believed for a shorter time.
_PART_S: Final = 2.0
_TUNNEL_S: Final = 1.0
_TUNNEL: Final = "an answer over https"
_LOOK_EVERY_S: Final = 0.05
# So many frames are asked at most; others are not waited for.
_MAX_FRAMES: Final = 20

_IS_RUNNING: Final = """document.getAnimations().some(({playState, effect}) =>
  playState === "running" && effect.getComputedTiming().endTime !== Infinity)"""
_QUIET: Final = script("quiet.js")


@dataclass(frozen=True, slots=True)
class RestEnd:
    """How a wait for rest has ended.

    Attributes:
        going_on: what is still going on, in words; empty: the page is at rest.
        facts: what the main document has said of itself at the end, if it was asked; None: another document
            comes, or it does not answer.
    """

    going_on: list[str] = field(default_factory=list)
    facts: Any = None


@dataclass(slots=True)
class _Answer:
    """What the documents of a page say together.

    Attributes:
        open: what still changes, in one word each.
        requests: addresses of requests of scripts that are awaited.
        ignored: addresses of requests that the port need not wait for, because a document has judged them.
        is_still: nothing in them can change by itself.
        facts: what the main document has said of itself.
    """

    open: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    is_still: bool = True
    facts: Any = None

    def add(self, said: dict[str, Any]) -> None:
        """Add what one document has said."""
        begun = said["begun"]
        self.open += said["open"]
        self.requests += begun["requests"]
        self.ignored.update(begun["requests"], begun["others"])
        self.is_still = self.is_still and said["isStill"]
        self.facts = self.facts or said.get("facts")


async def settle(render: Render) -> None:
    """Wait until the page is at rest, but not for longer than `SETTLE_S`: after a step has changed it.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    await wait_rest(render.page, SETTLE_S, has_scripts=render.request.java_script_enabled)


async def wait_rest(
    page: Page,
    limit_s: float,
    *,
    with_fonts: bool = True,
    has_scripts: bool = True,
    describe: str = "null",
) -> RestEnd:
    """Wait until the page is at rest, or another document comes, or the time is over.

    Args:
        page: that has loaded.
        limit_s: for all of it.
        with_fonts: whether to wait for fonts.
        has_scripts: whether scripts run in the page; if not, ours have no timers either.
        describe: a function of a script by which the main document tells its facts: asked for at the same
            time, they cost no message of their own.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    if not has_scripts:
        await _wait_animations(page, limit_s)
        return RestEnd()
    return await _Rest(page, limit_s, with_fonts=with_fonts, describe=describe).wait()


async def _wait_animations(page: Page, limit_s: float) -> None:
    """Wait for what moves in a page without scripts, and ends."""
    clock = asyncio.get_running_loop().time
    ends_at = clock() + limit_s
    while clock() < ends_at:
        try:
            if not await page.evaluate(_IS_RUNNING):
                return
        except ProtocolError:
            return  # another document comes
        await asyncio.sleep(_LOOK_EVERY_S)


class _Rest:
    """One wait for a page."""

    def __init__(self, page: Page, limit_s: float, *, with_fonts: bool, describe: str) -> None:
        self._page = page
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + limit_s
        self._with_fonts = with_fonts
        self._describe = describe
        self._seen_at: dict[str, float] = {}  # since when a request is known to be open
        self._busy_at = 0.0  # when the network was last

    async def wait(self) -> RestEnd:
        """See `wait_rest`."""
        lifecycle = self._page.lifecycle
        loader = lifecycle.loader
        while lifecycle.loader == loader and not lifecycle.is_moving_on:
            answer = await self._ask_all()
            if answer.is_still:
                return RestEnd(facts=answer.facts)
            going_on = [*answer.requests, *self._parts(answer.ignored)]
            going_on += [word for word in answer.open if word != "requests"]
            is_quiet = not going_on and self._clock() - self._busy_at >= _QUIET_S
            if is_quiet or self._clock() >= self._ends_at:
                return RestEnd(list(dict.fromkeys(going_on)), answer.facts)
            await asyncio.sleep(_LOOK_EVERY_S)
        return RestEnd()

    def _parts(self, ignored: set[str]) -> list[str]:
        """Requests that are open, and no script's."""
        now, port = self._clock(), self._page.port
        open_ = {url.partition("#")[0]: _PART_S for url in port.open_requests()}
        if port.has_waiting_tunnels():
            open_[_TUNNEL] = _TUNNEL_S
        self._seen_at = {url: self._seen_at.get(url, now) for url in open_ if url not in ignored}
        awaited = [url for url, seen_at in self._seen_at.items() if now - seen_at < open_[url]]
        if awaited:
            self._busy_at = now
        return awaited

    async def _ask_all(self) -> _Answer:
        """What all documents say, which take their time for it."""
        frames = [None, *sorted(self._page.frames.attached)[:_MAX_FRAMES]]
        answer = _Answer()
        for said in await asyncio.gather(*(self._ask(frame_id) for frame_id in frames)):
            answer.add(said)
        return answer

    async def _ask(self, frame_id: str | None) -> dict[str, Any]:
        left_s = max(0.0, self._ends_at - self._clock())
        options = json.dumps({"limitMs": round(left_s * 1000), "withFonts": self._with_fonts})
        script = f"({_QUIET})({options}, {self._describe if frame_id is None else 'null'})"
        silent = {"begun": {"requests": [], "others": []}, "isStill": False}
        try:
            async with asyncio.timeout(left_s + _ANSWER_S):
                said: dict[str, Any] = await self._page.evaluate(script, frame_id=frame_id)
        except TimeoutError:
            return {**silent, "open": ["scripts"]}  # they keep the page busy
        except (ProtocolError, EvaluationError):
            # The document was replaced, or the frame has gone.
            return {**silent, "open": ["the document"] if frame_id is None else []}
        return said
