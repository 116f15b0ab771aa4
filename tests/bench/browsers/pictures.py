"""Takes pictures of one page in three ways in turn: Chromium's default PNG, ours with `optimize: size`, AVIF.

`python -m tests.bench.browsers.pictures EXECUTABLE`. Only capture and encoding are measured, not the page.
"""

import os
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import uvloop

from fleet.render.options.output import DEFAULT_QUALITY, Format
from tests.bench.browsers.one_page import respond_with
from tests.bench.clients.responder import Document
from tests.bench.report.measure import exact_cpu_s, until_idle
from tests.kit.stages.browser_stage import BrowserStage
from worker.browser.page import Page
from worker.render.picture.encoder import Encoding, encode

Way = Callable[[Page], Awaitable[bytes]]

_CARD_STYLE: Final = (
    "<style>body{margin:0;background:#f4f5f7;font:15px sans-serif}div{display:inline-block;width:280px;"
    "height:150px;margin:16px;padding:12px;border-radius:12px;background:#fff;box-sizing:border-box;"
    "box-shadow:0 8px 24px rgba(0,0,0,.18)}</style>"
)
_WORDS: Final = "Some words about this card and what it holds."


def _cards() -> str:
    return _CARD_STYLE + "".join(f"<div><h3>Card {n}</h3><p>{_WORDS}</p></div>" for n in range(20))


_LANDING_STYLE: Final = (
    "<style>body{margin:0;background:#fafafa;font:15px sans-serif}header{padding:20px;background:#312e81;"
    "color:#fff}article{display:inline-block;width:250px;margin:12px;padding:14px;border-radius:12px;"
    "background:#fff;box-shadow:0 6px 20px rgba(0,0,0,.15)}</style>"
)
_LANDING_WORDS: Final = "reports for every team that ships often and wants to know what happened last week"


def _landing() -> str:
    """A header, and cards of which each has its own words and colours."""
    numbers = random.Random(3)  # noqa: S311 - the same page every time
    words = _LANDING_WORDS.split()
    parts = f"<header><h1>{_LANDING_WORDS}</h1></header>"
    for _ in range(8):
        title, text = " ".join(numbers.sample(words, 2)), " ".join(numbers.sample(words, 11))
        colour = f"hsl({numbers.randint(0, 360)},70%,40%)"
        parts += (
            f"<article><h3 style='color:{colour}'>{title}</h3><p>{text}</p><button>more</button></article>"
        )
    return _LANDING_STYLE + parts


def _gradients() -> str:
    numbers = random.Random(2)  # noqa: S311 - the same page every time
    kinds = ("linear-gradient(135deg,", "radial-gradient(", "conic-gradient(", "linear-gradient(20deg,")
    parts = ""
    for kind in kinds:
        first, second = (f"hsl({numbers.randint(0, 360)},70%,{light}%)" for light in (60, 40))
        parts += f"<div style='background:{kind}{first},{second})'></div>"
    return f"<style>body{{margin:0}}div{{float:left;width:640px;height:360px}}</style>{parts}"


# A path of the test site, or HTML.
PAGES: Final[Mapping[str, str]] = {
    "one line": "/tiny",
    "text": "/long",
    "charts": "/dashboard",
    "landing page": _landing(),
    "cards with shadows": _cards(),
    "gradients": _gradients(),
    "photographs": "/photo",
}


async def _default(page: Page) -> bytes:
    return await page.screenshot(format="png")


async def _small(page: Page) -> bytes:
    fast = await page.screenshot(format="png", optimizeForSpeed=True)
    return await encode(fast, Encoding("png", 0, is_small=True))


async def _avif(page: Page) -> bytes:
    fast = await page.screenshot(format="png", optimizeForSpeed=True)
    return await encode(fast, Encoding("avif", DEFAULT_QUALITY[Format.AVIF]))


WAYS: Final[Mapping[str, Way]] = {"default": _default, "small": _small, "avif": _avif}


async def _shot(page: Page, way: Way) -> Document:
    await until_idle(os.getpid())
    before_s = exact_cpu_s(os.getpid())
    picture = await way(page)  # the process that has encoded it has ended then
    return {"cpu_ms": (exact_cpu_s(os.getpid()) - before_s) * 1000, "size_bytes": len(picture)}


async def _compare(stage: BrowserStage, question: Document) -> Document:
    """Question: page, rounds."""
    source = PAGES[question["page"]]
    shots: dict[str, list[Document]] = {way: [] for way in WAYS}
    async with stage.page() as page:
        if source.startswith("/"):
            await page.navigate(stage.site.url(source))
        else:
            await page.set_html(source)
        await page.lifecycle.reach("load")
        for take in WAYS.values():
            await take(page)  # the first one starts the helper
        for number in range(question["rounds"]):
            for way in (list(WAYS), list(WAYS)[::-1])[number % 2]:
                shots[way].append(await _shot(page, WAYS[way]))
    return shots


if __name__ == "__main__":
    uvloop.run(respond_with(_compare, sys.argv[1]))
