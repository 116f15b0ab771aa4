"""What a page gets of things that the browser process keeps for all pages."""

from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def result(stage: BrowserStage, script: str) -> str:
    """What a script writes into a page of a secure origin."""
    await stage.render("/tiny", format="text", scripts=[script])
    return stage.output.read_text().strip()


async def test_a_lock_works(shared: BrowserStage) -> None:
    script = "navigator.locks.request('one', lock => { document.body.innerText = lock.name + lock.mode })"
    assert await result(shared, script) == "oneexclusive"


async def test_a_document_gets_a_thousand_locks_and_then_an_error(shared: BrowserStage) -> None:
    script = """
      const hold = i => navigator.locks.request('lock' + i, () => new Promise(() => 0))
      const refused = []
      for (let i = 0; i < 1001; i++) hold(i).catch(error => {
        refused.push(`${i} ${error.name}`)
        document.body.innerText = refused
      })
    """
    assert await result(shared, script) == "1000 QuotaExceededError"


async def test_a_document_holds_two_thousand_blob_addresses_and_what_it_gives_back_does_not_count(
    shared: BrowserStage,
) -> None:
    script = """
      const blob = new Blob(['works']), held = []
      const fill = () => {
        const before = held.length
        try {
          for (;;) held.push(URL.createObjectURL(blob))
        } catch (error) {
          return `${error.name} ${held.length - before}`
        }
      }
      const said = [fill()]
      for (let i = 0; i < 3; i++) URL.revokeObjectURL(held[0])  // it counts once
      URL.revokeObjectURL('blob:of-nobody')
      URL.revokeObjectURL(held[1])
      said.push(fill(), await (await fetch(held.at(-1))).text())
      try { URL.createObjectURL('no blob') } catch (error) { said.push(error.name) }
      document.body.innerText = said.join()
    """
    said = await result(shared, f"(async () => {{ {script} }})()")
    assert said == "QuotaExceededError 2000,QuotaExceededError 2,works,QuotaExceededError"
