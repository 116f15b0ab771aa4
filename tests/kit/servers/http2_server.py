"""A web server with HTTP/2 over TLS. Its certificate is signed by an unknown authority.

`/` has three pictures, `/broken` is a page whose transfer ends in the middle. The answer of `/half` is never
complete, and `/silent` is never answered.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trustme
from playwright._impl._driver import compute_driver_executable

# The HTTP/2 server of Node.js, which is part of Playwright.
SERVER = """
const fs = require("fs"), [cert, key] = process.argv.slice(1);
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const server = require("http2").createSecureServer(options);
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  if (headers[":path"].startsWith("/silent")) return;
  stream.respond({ ":status": 200, "content-type": "text/html", "cache-control": "no-store" });
  if (headers[":path"] === "/not-stored") return stream.end("x");
  if (headers[":path"] === "/half") return stream.write("<title>half</title>");
  if (headers[":path"] === "/broken") stream.write("<title>x</title>", () => stream.destroy(new Error("x")));
  else stream.end(headers[":path"] === "/" ? "<img src=/a><img src=/b><img src=/c>" : "no picture");
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
