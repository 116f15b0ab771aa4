"""Consent banners and popups are taken away, and nothing else is."""

from typing import Any
from urllib.parse import quote

import pytest

from fleet.jobs.facts import BlockedFacts
from tests.kit.documents.pictures import colours
from tests.kit.stages.browser_stage import BrowserStage
from tests.site.overlays.dialogs import DIALOGS, POPUPS, groups, shown_in
from tests.site.overlays.pages import ARTICLE
from tests.site.overlays.platforms import HIDDEN, REFUSED, WORDS
from worker.render.pipeline import Rendered

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Frames of other hosts are reached by their names.
HOST = "http://page.site.test"


async def text_of(shared: BrowserStage, path: str, **options: Any) -> tuple[Rendered, str]:
    """What became of the render, and the text that one sees in the page."""
    url = f"{HOST}:{shared.site.port}{path}"
    rendered = await shared.render(url=url, format="text", wait_until="load", **options)
    return rendered, shared.output.read_text()


def banners_and_refused(rendered: Rendered) -> tuple[int, int]:
    assert rendered.blocked is not None
    return rendered.blocked.banners, rendered.blocked.banners_refused


@pytest.mark.parametrize("name", REFUSED)
async def test_a_banner_is_refused_where_it_lets_one_refuse(shared: BrowserStage, name: str) -> None:
    rendered, text = await text_of(shared, f"/banner?name={name}", block_cookie_banners=True)
    assert rendered.page.title == "refused"
    assert ARTICLE in text
    assert "ookies" not in text
    assert banners_and_refused(rendered) == (1, 1)


@pytest.mark.parametrize("name", HIDDEN)
async def test_a_banner_without_refusal_is_hidden_and_not_accepted(shared: BrowserStage, name: str) -> None:
    rendered, text = await text_of(shared, f"/banner?name={name}&locked=1", block_cookie_banners=True)
    assert rendered.page.title == "untouched"
    assert ARTICLE in text
    assert WORDS not in text
    assert banners_and_refused(rendered) == (1, 0)


@pytest.mark.parametrize("names", groups(DIALOGS))
async def test_all_other_dialogs_stay_and_are_left_alone(shared: BrowserStage, names: list[str]) -> None:
    path = f"/dialog?names={quote(','.join(names))}"
    rendered, text = await text_of(shared, path, block_cookie_banners=True, block_popups=True)
    assert rendered.page.title == "untouched"
    assert shown_in(text, names) == names
    assert rendered.blocked == BlockedFacts()


async def test_a_page_that_is_marked_as_having_a_banner_is_none(shared: BrowserStage) -> None:
    html = f"<body class=cookie-consent><h1>{ARTICLE}</h1><p>{WORDS}</p><button>Got it</button>"
    rendered = await shared.render(html=html, format="text", block_cookie_banners=True)
    assert banners_and_refused(rendered) == (0, 0)


@pytest.mark.parametrize("names", groups(POPUPS))
async def test_popups_stay_without_their_option_and_go_with_it(
    shared: BrowserStage, names: list[str]
) -> None:
    path = f"/dialog?names={quote(','.join(names))}"
    rendered, text = await text_of(shared, path, block_cookie_banners=True)
    assert (rendered.page.title, shown_in(text, names)) == ("untouched", names)
    rendered, text = await text_of(shared, path, block_popups=True)
    assert (rendered.page.title, shown_in(text, names)) == ("untouched", [])
    assert ARTICLE in text
    assert rendered.blocked == BlockedFacts(popups=len(names))


async def test_a_banner_is_hidden_where_scripts_do_not_run(shared: BrowserStage) -> None:
    path = "/banner?name=home-made"
    rendered, text = await text_of(shared, path, block_cookie_banners=True, java_script_enabled=False)
    assert WORDS not in text
    assert banners_and_refused(rendered) == (1, 0)


async def test_a_page_behind_a_banner_can_be_scrolled_again(shared: BrowserStage) -> None:
    path = "/banner?name=settings-only&locked=1"
    locked = await shared.render(path, full_page=True)
    free = await shared.render(path, full_page=True, block_cookie_banners=True)
    assert locked.artifact.height_px is not None
    assert free.artifact.height_px is not None
    assert locked.artifact.height_px < 800
    assert free.artifact.height_px > 1500


async def test_a_popup_that_comes_while_the_page_is_scrolled_is_hidden_too(shared: BrowserStage) -> None:
    await shared.render("/late-popup", full_page=True)
    assert colours(shared.output, (640, 360)) == [(255, 0, 0)]
    rendered = await shared.render("/late-popup", full_page=True, block_popups=True)
    assert colours(shared.output, (640, 360)) != [(255, 0, 0)]
    assert rendered.blocked == BlockedFacts(popups=1)


async def test_without_the_options_nothing_is_counted(shared: BrowserStage) -> None:
    assert (await text_of(shared, "/banner?name=notice"))[0].blocked is None
