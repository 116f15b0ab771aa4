"""What a page reaches, and what its caller is told of the rest."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import (
    FORBIDDEN_HOST,
    POLICY,
    SITE_DOMAIN,
    BrowserStage,
    browser_stage,
)
from tests.site.server import Site
from worker.egress.terms import Caps, Terms

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# A picture that the page waits for, whether it comes or not.
PART = '<img src="http://{host}:{port}/photo/{name}.jpg">'


def part(stage: BrowserStage, host: str, name: int) -> str:
    return PART.format(host=host, port=stage.site.port, name=name)


def visits(stage: BrowserStage, name: int) -> int:
    return stage.site.visits[f"/photo/{name}.jpg"]


async def refusal(stage: BrowserStage, path: str | None = None, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await stage.render(path, **options)
    return caught.value


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, and at which nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_a_part_at_a_forbidden_host_is_left_out_and_told_once(shared: BrowserStage) -> None:
    html = part(shared, FORBIDDEN_HOST, 11) + part(shared, FORBIDDEN_HOST, 12) + part(shared, "127.0.0.1", 13)
    rendered = await shared.render(html=html)
    assert (visits(shared, 11), visits(shared, 12), visits(shared, 13)) == (0, 0, 1)
    assert rendered.warnings == [f"blocked: http://{FORBIDDEN_HOST}:{shared.site.port} (not public)"]


async def test_what_was_blocked_is_named_as_the_page_wrote_it(shared: BrowserStage) -> None:
    port = shared.site.port
    html = part(shared, "10.1.2.3", 14) + part(shared, FORBIDDEN_HOST, 14) + '<img src="https://10.9.9.9/x">'
    rendered = await shared.render(html=html)
    # Of a name never the address that it resolves to.
    named = (f"http://10.1.2.3:{port}", f"http://{FORBIDDEN_HOST}:{port}", "https://10.9.9.9")
    assert rendered.warnings == ["blocked: " + ", ".join(f"{one} (not public)" for one in named)]


async def test_block_requests_keeps_out_what_it_names_and_says_nothing(shared: BrowserStage) -> None:
    html = part(shared, f"ads{SITE_DOMAIN}", 21) + part(shared, f"a.b{SITE_DOMAIN}", 22)
    html += part(shared, f"good{SITE_DOMAIN}", 23)
    rendered = await shared.render(html=html, block_requests=["ads.site.test", "*.b.site.test"])
    assert (visits(shared, 21), visits(shared, 22), visits(shared, 23)) == (0, 0, 1)
    assert rendered.warnings == []
    await shared.render(html=html)
    assert (visits(shared, 21), visits(shared, 22)) == (1, 1)


async def test_a_page_that_leads_to_a_blocked_host_of_the_caller_is_refused(shared: BrowserStage) -> None:
    target = shared.site.url("/tiny").replace("127.0.0.1", f"ads{SITE_DOMAIN}")
    error = await refusal(shared, f"/redirect?to={target}", block_requests=["ads.site.test"])
    assert (error.type, error.detail) == (
        ErrorType.URL_BLOCKED,
        "The page led to an address that is in `block_requests`.",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_each_reason_is_told_apart_whatever_the_scheme(
    shared: BrowserStage, scheme: str, closed_port: int
) -> None:
    port = shared.site.port
    for host, type_ in (
        (f"localhost:{port}", ErrorType.URL_BLOCKED),
        ("nobody.example", ErrorType.NAME_NOT_RESOLVED),
        (f"127.0.0.1:{closed_port}", ErrorType.CONNECTION_FAILED),
    ):
        error = await refusal(shared, url=f"{scheme}://{host}/")
        assert error.type is type_, host
        assert "127.0.0" not in error.detail
        assert error.detail.endswith("."), error.detail


@pytest.mark.parametrize("how", ["redirect", "redirect-by-script", "redirect-by-meta", "redirect-by-form"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_wherever_a_page_leads_its_end_is_told(shared: BrowserStage, how: str, scheme: str) -> None:
    error = await refusal(shared, f"/{how}?to={scheme}://nobody.example/")
    assert (error.type, error.detail) == (
        ErrorType.NAME_NOT_RESOLVED,
        "The host name has no address. Check its spelling and its DNS.",
    )


async def test_a_page_that_asks_for_too_much_is_cut_and_told(shared: BrowserStage) -> None:
    terms = Terms(POLICY, caps=Caps(max_bytes=50_000))
    html = "".join(part(shared, "127.0.0.1", name) for name in range(30, 34))
    rendered = await shared.render(html=html, terms=terms)
    assert rendered.warnings[-1] == (
        "egress: parts of the page may be missing: it sent and received more bytes than a page may"
    )


async def test_a_page_gets_nothing_before_its_render_begins(shared: BrowserStage) -> None:
    before = shared.site.visits["/tiny"]
    async with shared.pool.page() as page:
        await page.navigate(shared.site.url("/tiny"))
        assert shared.site.visits["/tiny"] == before
        assert page.port.record.bytes_down == 0


async def test_what_one_page_may_its_neighbour_may_not(shared: BrowserStage) -> None:
    async with shared.page() as page, shared.pool.page() as neighbour:
        answer = await page.navigate(shared.site.url("/tiny"))
        assert answer.error == ""
        assert page.port.number != neighbour.port.number
        assert neighbour.port.record.connections == 0


async def test_parts_that_are_missing_because_of_us_make_no_picture(site: Site, closed_port: int) -> None:
    service = f"http://:{'x' * 16}@127.0.0.1:{closed_port}"
    async with browser_stage(site, egress_service_url=service) as stage:
        error = await refusal(stage, html=part(stage, "127.0.0.1", 41))
        assert (error.type, error.retryable) == (ErrorType.EGRESS_UNAVAILABLE, True)
        error = await refusal(stage, "/tiny")
        assert (error.type, error.detail) == (
            ErrorType.EGRESS_UNAVAILABLE,
            "The egress service does not answer.",
        )
