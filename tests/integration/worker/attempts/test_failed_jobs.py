"""What a failed job tells of its page: what it was, how long each stage took, what it still waited for."""

from fleet.errors import ErrorType
from tests.kit.stages.stage import Stage

# Long enough for a page to be there on a busy machine; the part that hangs takes for ever.
ATTEMPT_MS = 2_000


async def test_a_failed_job_tells_what_is_known_of_its_page(stage: Stage) -> None:
    hanging = f"{stage.gate.url}picture"
    html = f'<html lang="de"><title>Half</title><img src="{hanging}?token=secret">'
    async with stage.worker():
        late = await stage.enqueue(html=html, timeout_ms=ATTEMPT_MS)
        missed = await stage.enqueue(html="<title>Whole</title><p>text", fail_if_content_contains=["text"])
        endless = await stage.enqueue(html="text", scripts=["new Promise(() => {})"], timeout_ms=ATTEMPT_MS)
        ended, refused = await stage.ended(late), await stage.ended(missed)
        unsettled = await stage.ended(endless)

    assert (ended.error_type, refused.error_type) == (ErrorType.RENDER_TIMEOUT, ErrorType.CONTENT_REJECTED)
    assert ended.error_detail == (
        f"the attempt took longer than timeout_ms = {ATTEMPT_MS}, while the page was waited for: "
        f"wait_until=auto; still open: {hanging}"
    )
    assert str(unsettled.error_detail).endswith("while the page was waited for: the end of scripts[0]")
    assert ended.timings_ms is not None
    assert refused.timings_ms is not None
    assert ended.timings_ms.keys() == {"queued", "context", "navigation", "readiness", "total"}
    assert 0 < ended.timings_ms["readiness"] <= ended.timings_ms["total"]
    assert ended.timings_ms["total"] >= ATTEMPT_MS
    assert ended.page is not None
    assert (ended.page.title, ended.page.language) == ("Half", "de")
    assert ended.verdict is not None
    assert (ended.verdict.pending_images, ended.verdict.reasons) == (1, ["images_pending"])
    assert refused.page is not None
    assert refused.verdict is not None
    assert refused.verdict.score == 1
    assert refused.page.title == "Whole"
