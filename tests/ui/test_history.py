"""The pages of figures over time: a chart says what its table says, and both what was counted."""

from tests.ui.kit.dashboard import Dashboard

# The points that uPlot draws from, as the script has read them from the table.
DRAWN = "(section) => section.querySelectorAll('.plot canvas').length"
INK = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let place = 3; place < data.length; place += 4) count += data[place] > 0;
  return count;
}"""


async def test_charts_are_drawn_from_their_tables(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/fleet")
        await visit.page.get_by_role("link", name="History of the fleet").click()
        await visit.page.wait_for_url("**/ui/fleet-history")
        sections = visit.page.locator("[data-chart]")
        assert await sections.count() == 8
        for section in await sections.all():
            assert await section.evaluate(DRAWN) == 1, await section.inner_text()
            assert await section.locator(".plot canvas").evaluate(INK) > 1000
        assert visit.complaints == []


async def test_the_figures_are_those_that_were_counted(full: Dashboard) -> None:
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/history")
        await visit.page.get_by_label("Time").select_option("7d")
        await visit.page.get_by_role("button", name="Show").click()
        await visit.page.wait_for_url("**span=7d")
        table = visit.page.locator("section", has=visit.page.locator("#chart-ended")).locator("table")
        await visit.page.get_by_text("Jobs that ended: the figures").click()
        assert await table.locator("tbody tr").count() in {84, 85}, "steps of two hours"
        shown = await table.locator("td:nth-of-type(1)").all_inner_texts()
        succeeded = "SELECT sum(jobs) FROM history_minutes WHERE state = 'succeeded' AND tenant_id = $1"
        counted = await full.stage.database.fetchval(succeeded, full.stage.tenant_id)
        assert sum(int(words.replace(",", "")) for words in shown) == counted
        assert "navigation_timeout" in await visit.page.locator("#chart-errors + ul").inner_text()
