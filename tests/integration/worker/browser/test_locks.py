"""What a page gets of Web Locks, which the browser process keeps for all pages."""

from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def result(stage: BrowserStage, script: str) -> str:
    """What a script writes into a page of a secure origin."""
    await stage.render("/tiny", format="text", scripts=[script])
    return stage.output.read_text()


async def test_a_lock_works(shared: BrowserStage) -> None:
    script = "navigator.locks.request('one', lock => { document.body.innerText = lock.name + lock.mode })"
    assert "oneexclusive" in await result(shared, script)


async def test_a_document_gets_a_thousand_and_then_an_error(shared: BrowserStage) -> None:
    script = """
      const hold = i => navigator.locks.request('lock' + i, () => new Promise(() => 0))
      const refused = []
      for (let i = 0; i < 1001; i++) hold(i).catch(error => {
        refused.push(`${i} ${error.name}`)
        document.body.innerText = refused
      })
    """
    assert (await result(shared, script)).strip() == "1000 QuotaExceededError"
