"""HTTP/2 passes the egress proxy untouched: it sees a tunnel, the browser and the target see each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from playwright._impl._driver import compute_driver_executable

from tests.kit.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Node's own HTTP/2: the one that Playwright brings along.
SERVER = """
const fs = require("fs"), [cert, key] = process.argv.slice(1);
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const server = require("http2").createSecureServer(options);
server.on("stream", (stream, headers) => {
  stream.respond({ ":status": 200, "content-type": "text/html" });
  stream.end(headers[":path"] === "/" ? "<img src=/a><img src=/b><img src=/c>" : "no picture");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
"""


@asynccontextmanager
async def http2_server(folder: Path) -> AsyncIterator[int]:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert")
    issued.private_key_pem.write_to_path(folder / "key")
    node, _ = compute_driver_executable()
    server = await asyncio.create_subprocess_exec(
        node,
        "-e",
        SERVER,
        str(folder / "cert"),
        str(folder / "key"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        yield int(await server.stdout.readline())
    finally:
        server.stdin.close()
        await server.wait()


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
