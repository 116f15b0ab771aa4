"""One page: alone in its context, and gone without a trace."""

import asyncio

import pytest

from tests.kit.stages.browser_stage import BrowserStage, until
from worker.browser.devtools import ProtocolError, TargetCrashedError
from worker.browser.document.script_value import EvaluationError

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
WARM = 1


async def targets(shared: BrowserStage) -> list[str]:
    """Addresses of all pages of the browser that are not warm ones."""
    async with shared.page() as page:
        infos = (await page.send("Target.getTargets"))["targetInfos"]
    return [info["url"] for info in infos if info["url"] != "about:blank"]


async def test_evaluate_returns_json_and_raises_what_the_script_throws(shared: BrowserStage) -> None:
    async with shared.page() as page:
        assert await page.evaluate("({a: [1, null, 'x']})") == {"a": [1, None, "x"]}
        assert await page.evaluate("Promise.resolve(7)") == 7
        assert await page.evaluate(r"'\ud83d'") == "\ud83d"  # half of a character
        with pytest.raises(EvaluationError):
            await page.evaluate("missing.name")


async def test_page_cannot_change_what_evaluate_sees(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.set_html("<script>performance.now = () => 'a lie'; window.secret = 1</script>")
        await page.lifecycle.reach("load")
        assert await page.evaluate("typeof performance.now() + typeof window.secret") == "numberundefined"


async def test_refusal_of_chromium_is_told_in_its_words(shared: BrowserStage) -> None:
    async with shared.page() as page:
        with pytest.raises(ProtocolError, match="wasn't found"):
            await page.send("Page.noSuchCommand")


async def test_popups_do_not_open(shared: BrowserStage) -> None:
    rendered = await shared.render("/popup")
    assert rendered.page.title == "null"
    await until(lambda: shared.pool.busy == 0, "the context's end")
    assert await targets(shared) == []


async def test_downloads_write_nothing(shared: BrowserStage) -> None:
    before = {path for path in shared.folder.rglob("*") if path.is_file()}
    async with shared.page() as page:
        assert (await page.navigate(shared.site.url("/download"))).is_download
    new = {path for path in shared.folder.rglob("*") if path.is_file()} - before
    assert not [path for path in new if path.suffix in {".bin", ".crdownload"}]


async def test_page_that_wants_to_be_asked_before_it_closes_is_closed(shared: BrowserStage) -> None:
    await shared.render("/dialogs")
    await until(lambda: shared.pool.busy == 0, "the context's end")
    assert await targets(shared) == []


async def test_closed_page_leaves_no_renderer_even_in_an_endless_loop(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.navigate(shared.site.url("/loop"))
        await page.lifecycle.reach("DOMContentLoaded")
        assert len(shared.descendants("renderer")) >= 1
    await until(lambda: len(shared.descendants("renderer")) <= WARM, "the end of the looping renderer")


async def test_crash_fails_whoever_waits_and_whoever_asks_later(shared: BrowserStage) -> None:
    async with shared.page() as page:
        waiting = [
            asyncio.create_task(page.evaluate("new Promise(() => {})")),
            asyncio.create_task(page.lifecycle.reach("never")),
        ]
        await asyncio.sleep(0)
        with pytest.raises(TargetCrashedError):
            await page.send("Page.crash")
        for task in waiting:
            with pytest.raises(TargetCrashedError):
                await task
        assert not page.is_alive
        with pytest.raises(TargetCrashedError):
            await page.evaluate("1")


async def test_close_may_be_called_twice(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.close()
        await page.close()
        with pytest.raises(TargetCrashedError):
            await page.evaluate("1")
