"""HTTP/2 passes the egress proxy untouched: it sees a tunnel, the browser and the target see each other."""

from pathlib import Path

from tests.kit.servers.http2_server import http2_server
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def test_http2_reaches_the_target_through_the_proxy(shared: BrowserStage, tmp_path: Path) -> None:
    async with http2_server(tmp_path) as port, shared.page() as page:
        await page.send("Security.setIgnoreCertificateErrors", ignore=True)
        navigation = await page.navigate(f"https://127.0.0.1:{port}/")
        assert navigation.error == ""
        await page.lifecycle.reach("load")
        protocols = "performance.getEntriesByType('{}').map(entry => entry.nextHopProtocol)"
        assert await page.evaluate(protocols.format("navigation")) == ["h2"]
        assert await page.evaluate(protocols.format("resource")) == ["h2"] * 3
        # Chromium may connect again after it was told to trust a certificate that is nobody's.
        assert page.port.record.connections <= 2
