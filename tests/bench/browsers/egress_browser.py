"""One Chromium whose pages connect to their targets directly, or through the egress proxy in this process.

`python -m tests.bench.browsers.egress_browser EXECUTABLE FOLDER`. Fields of a question: url, count,
through_proxy.
"""

import base64
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvloop
from websockets.asyncio.client import connect

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy
from tests.bench.browsers.contender import Devtools, capture_with_retries, launched, loaded_page
from tests.bench.clients.responder import Document, respond
from worker.egress.outbound.resolver import SystemResolver
from worker.egress.port import Port
from worker.egress.proxy import Egress
from worker.egress.terms import Terms
from worker.settings import EgressProxySettings

LOOPBACK: Final = AddressPolicy(allow=(split_network("127.0.0.0/8"), split_network("::1")))
# The certificate of the test site is signed by an unknown authority. Checking it costs the same both ways.
_MORE_FLAGS: Final = ("--ignore-certificate-errors",)


async def _render(devtools: Devtools, url: str, port: Port | None) -> bytes:
    # By default Chromium connects to loopback without the proxy.
    proxy = {}
    if port is not None:
        proxy = {"proxyServer": f"http://127.0.0.1:{port.number}", "proxyBypassList": "<-loopback>"}
    params: dict[str, Any] = {"format": "png", "optimizeForSpeed": True}
    async with loaded_page(devtools, url, **proxy) as session:
        answer = await capture_with_retries(
            lambda: devtools.send("Page.captureScreenshot", session, **params)
        )
    return base64.b64decode(answer["data"])


async def _main(executable: str, folder: Path) -> None:
    egress = Egress(SystemResolver(timeout_s=5), EgressProxySettings())
    await egress.start()
    async with (
        launched(executable, folder / "profile", *_MORE_FLAGS) as address,
        connect(address, max_size=None, compression=None, ping_interval=None, proxy=None) as socket,
    ):
        devtools = Devtools(socket)

        async def one(url: str, *, through_proxy: bool) -> tuple[bytes, int]:
            if not through_proxy:
                return await _render(devtools, url, None), 0
            port = await egress.open_port()
            port.admit(Terms(LOOPBACK))
            try:
                return await _render(devtools, url, port), port.record.connections
            finally:
                await port.close()

        async def answer(question: Document) -> Document:
            walls_ms, picture, connections = [], b"", 0
            for _ in range(question["count"]):
                started = time.perf_counter()
                picture, connections = await one(question["url"], through_proxy=question["through_proxy"])
                walls_ms.append((time.perf_counter() - started) * 1000)
            return {"walls_ms": walls_ms, "size_bytes": len(picture), "connections": connections}

        await respond(answer)
        with suppress(RuntimeError):  # it may end before it has answered
            await devtools.send("Browser.close")
    await egress.stop()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], Path(sys.argv[2])))
