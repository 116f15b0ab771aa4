"""Chromium over its DevTools protocol, for documents: what printing itself costs.

`python -m tests.bench.browsers.printer EXECUTABLE FOLDER`: one browser, a fresh context for each document,
the HTML written into its page, `Page.printToPDF` as a stream.
"""

import base64
import sys
import time
from contextlib import suppress
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect

from tests.bench.browsers.contender import Devtools, empty_page, launched
from tests.bench.clients.responder import Document, respond

_CHUNK_BYTES = 256 * 1024


async def _print(devtools: Devtools, html: str, parameters: Document) -> bytes:
    async with empty_page(devtools) as session:
        frame = (await devtools.send("Page.getFrameTree", session))["frameTree"]["frame"]["id"]
        loaded = devtools.expect_load(session)
        await devtools.send("Page.setDocumentContent", session, frameId=frame, html=html)
        await loaded
        answer = await devtools.send("Page.printToPDF", session, transferMode="ReturnAsStream", **parameters)
        pieces = []
        while True:
            chunk = await devtools.send("IO.read", session, handle=answer["stream"], size=_CHUNK_BYTES)
            pieces.append(base64.b64decode(chunk["data"]))
            if chunk["eof"]:
                return b"".join(pieces)


async def _main(executable: str, folder: str) -> None:
    async with (
        launched(executable, Path(folder) / "printer-profile") as address,
        connect(address, max_size=None, compression=None, ping_interval=None, proxy=None) as socket,
    ):
        devtools = Devtools(socket)

        async def answer(question: Document) -> Document:
            """Question: html, parameters, count."""
            walls_ms = []
            document = b""
            for _ in range(question["count"]):
                started = time.perf_counter()
                document = await _print(devtools, question["html"], question["parameters"])
                walls_ms.append((time.perf_counter() - started) * 1000)
            return {"walls_ms": walls_ms, "size_bytes": len(document)}

        await respond(answer)
        with suppress(RuntimeError):  # it may end before it has answered
            await devtools.send("Browser.close")


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
