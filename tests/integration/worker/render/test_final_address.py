"""A picture is of what the target itself has answered: no refusal of ours is ever taken for its page."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import (
    FORBIDDEN_HOST,
    MAX_BYTES,
    POLICY,
    SITE_DOMAIN,
    TERMS,
    BrowserStage,
    request_for,
)
from worker.egress.inbound.request_head import MAX_HEAD_BYTES
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import MAX_REMEMBERED
from worker.render import pipeline

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

LONG_HOST = ".".join(["a" * 60] * 5) + ".test"
# Chromium takes it for a host name, the address policy does not.
ODD_HOST = f"a~b{SITE_DOMAIN}"
UNREADABLE = "The page led to an address that cannot be read safely."


async def refusal(stage: BrowserStage, path: str | None = None, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await stage.render(path, **options)
    return caught.value


@pytest.mark.parametrize("how", ["redirect", "redirect-by-script", "redirect-by-meta", "redirect-by-form"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", [LONG_HOST, ODD_HOST], ids=["long", "odd"])
async def test_a_host_that_the_proxy_cannot_read_is_no_page(
    shared: BrowserStage, how: str, scheme: str, host: str
) -> None:
    error = await refusal(shared, f"/{how}?to={scheme}://{host}/")
    assert (error.type, error.detail) == (ErrorType.URL_BLOCKED, UNREADABLE)


async def test_an_address_longer_than_servers_take_is_the_servers_to_refuse(shared: BrowserStage) -> None:
    """The site of the tests takes 64 KiB and answers 414, as others do."""
    html = f"<script>location = '{shared.site.url('/tiny?')}' + 'x'.repeat(100_000)</script>"
    assert (await shared.render(html=html)).page.http_status == 414


async def test_an_address_longer_than_the_proxy_takes_is_no_page(shared: BrowserStage) -> None:
    html = f"<script>location = '{shared.site.url('/tiny?')}' + 'x'.repeat({MAX_HEAD_BYTES})</script>"
    error = await refusal(shared, html=html)
    assert (error.type, error.detail) == (ErrorType.URL_BLOCKED, UNREADABLE)


async def test_more_cookies_than_servers_take_are_the_servers_to_refuse(shared: BrowserStage) -> None:
    assert (await shared.render("/many-cookies?count=40&to=/tiny")).page.http_status == 431


async def test_more_cookies_than_the_proxy_takes_are_no_page(shared: BrowserStage) -> None:
    error = await refusal(shared, "/many-cookies?count=100&to=/tiny")
    assert (error.type, error.detail) == (ErrorType.URL_BLOCKED, UNREADABLE)


async def test_what_became_of_the_last_address_is_known_however_many_there_were(shared: BrowserStage) -> None:
    parts = "".join(f"<img src=http://n{number}.nobody.example/>" for number in range(MAX_REMEMBERED + 10))
    html = f"{parts}<script>onload = () => location = 'http://{FORBIDDEN_HOST}/'</script>"
    assert (await refusal(shared, html=html)).type is ErrorType.URL_BLOCKED


@pytest.mark.parametrize(
    "part", ["/hang-up", "/status?code=407", "/status?code=101", "/short?type=image/png"]
)
async def test_a_broken_part_of_the_documents_own_host_does_not_fail_the_page(
    shared: BrowserStage, part: str
) -> None:
    rendered = await shared.render(f"/with-part?part={part}")
    assert (rendered.page.title, rendered.page.http_status) == ("with part", 200)


async def test_a_document_that_came_past_the_pages_own_port_is_no_picture(shared: BrowserStage) -> None:
    async with shared.page() as page:
        theirs, page.port = page.port, await shared.egress.open_port()
        with pytest.raises(RenderError) as caught:
            await pipeline.render(
                page, request_for(url=shared.site.url("/tiny")), shared.output, TERMS, max_bytes=MAX_BYTES
            )
        await theirs.close()
    assert caught.value.type is ErrorType.EGRESS_UNAVAILABLE


async def test_a_part_that_was_refused_does_not_fail_the_page(shared: BrowserStage) -> None:
    rendered = await shared.render("/photo", terms=Terms(POLICY, caps=Caps(max_connections=1)))
    assert (rendered.page.title, rendered.page.http_status) == ("photo", 200)
    images, egress = rendered.warnings
    assert images.startswith("images: these did not come: ")
    assert egress == "egress: parts of the page may be missing: it asked for more connections than a page may"
