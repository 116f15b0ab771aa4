"""A certificate that nobody vouches for, and one that is for another name."""

import asyncio
import ssl

import pytest
import trustme

from fleet.errors import ErrorType, RenderError
from tests.kit.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No request gets this far: the browser must end the handshake."""
    writer.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "another.example"])
async def test_a_certificate_that_does_not_hold_is_a_tls_error(shared: BrowserStage, name: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(name).configure_cert(context)
    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(RenderError) as caught:
            await shared.render(url=f"https://127.0.0.1:{port}/")
    finally:
        server.close()
    assert caught.value.type is ErrorType.TLS_ERROR
    assert "net::ERR_CERT" in caught.value.detail


async def test_plain_text_where_tls_was_expected_is_a_tls_error(shared: BrowserStage) -> None:
    url = shared.site.url("/tiny").replace("http://", "https://")
    with pytest.raises(RenderError) as caught:
        await shared.render(url=url)
    assert caught.value.type is ErrorType.TLS_ERROR
