"""How long a replaced browser is kept for the renders in it."""

from fleet.render.request import RenderRequest
from worker.settings import BrowserSettings


def test_a_planned_replacement_interrupts_no_render_however_long_it_may_take() -> None:
    """An interrupted attempt counts as a crash, although neither page nor browser is at fault."""
    longest_ms = RenderRequest.model_json_schema()["properties"]["timeout_ms"]["maximum"]
    assert BrowserSettings().browser_drain_s * 1000 > longest_ms
