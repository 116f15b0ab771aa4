"""Hides the elements of advertisements: the places that are empty when their requests are refused.

The list names many of them by class or id. The others are pictures and frames whose requests were refused.
"""

import json
from collections.abc import Iterator
from typing import Final

from fleet.filters.store import ListName
from worker.blocking import selector_signs
from worker.blocking.selector_signs import PageTexts
from worker.blocking.sieve import RefusedBy
from worker.browser.devtools import ProtocolError
from worker.render.context import Render
from worker.render.in_page import script

_NAMES: Final = script("names.js")
_ADOPT: Final = script("adopt.js")
_MAX_NAMES: Final = 20_000


async def hide_ads(render: Render) -> None:
    """Give the page one style sheet with the selectors of the list that concern it.

    The list has 37,000 selectors. About 460 hold for each address; of the others those that name a class or
    an id that the page has. The places of refused pictures and frames are hidden by their `src`.
    """
    page = render.page
    engine = (await render.lists.engines([ListName.ADS]))[ListName.ADS]
    url = render.page_facts.final_url or render.request.url or ""
    if not url.startswith("http"):
        url = ""  # about:blank, where HTML of the caller is: the list has nothing for that
    always, excepted = engine.hidden_always(url)
    asked = selector_signs.without_signs(always)
    question = f"({_NAMES})({_MAX_NAMES}, {json.dumps(selector_signs.joined(asked))})"
    try:
        classes, ids, hosts, is_any, places = await page.evaluate(question)
        texts = PageTexts(classes, ids, hosts)
        selectors = [
            *(asked if is_any else ()),
            *selector_signs.possible(always, texts),
            *engine.hidden_among({name for text in classes for name in text.split()}, ids, excepted),
            *_refused(render, places),
        ]
        if not selectors:
            return  # a sheet makes Chromium look at each element again
        # A rule each: a selector that Chromium does not know takes only its own rule with it.
        sheet = "\n".join(f"{selector} {{ display: none !important }}" for selector in selectors)
        await page.evaluate(f"({_ADOPT})({json.dumps(sheet)})")
    except ProtocolError:
        await page.require_alive()  # it has gone on to another document, which later steps notice


def _refused(render: Render, places: list[tuple[str, str]]) -> Iterator[str]:
    """A selector for each picture and frame whose request was refused as an advertisement's."""
    sieve = render.sieve
    if sieve is None:
        return
    sources = {source for source, url in places if sieve.refused_by(url) is RefusedBy.ADS}
    for source in sorted(sources):
        yield f":is(img, iframe)[src={_css_string(source)}]"


def _css_string(text: str) -> str:
    """A text as a string of CSS, whatever is in it (CSSOM, section 2.1, serialize a string)."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return '"' + "".join(one if one >= " " and one != "\x7f" else f"\\{ord(one):x} " for one in plain) + '"'
