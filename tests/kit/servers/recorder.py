"""A web server with several names that keeps what it was asked with, for tests of what goes to whom."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

from tests.kit.stages.browser_stage import SITE_DOMAIN


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the host without its port, method and path, and the header fields, names in lower case."""

    host: str
    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path is answered with; `headers` are whole lines."""

    body: str = ""
    status: str = "200 OK"
    headers: tuple[str, ...] = ()
    content_type: str = "text/html; charset=utf-8"

    def encoded(self) -> bytes:
        """The answer as it is sent."""
        body = self.body.encode()
        lines = [
            f"HTTP/1.1 {self.status}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *self.headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Recorder:
    """A running server.

    Attributes:
        port: on 127.0.0.1, where all names below SITE_DOMAIN lead.
        scheme: `http` or `https`.
        answers: by path without its query; any other path is answered with an empty 200.
        barriers: by path: who asks for it is answered when enough others do.
        visits: all requests so far.
    """

    port: int = 0
    scheme: str = "http"
    answers: dict[str, Answer] = field(default_factory=dict)
    barriers: dict[str, asyncio.Barrier] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)

    def url(self, host: str, path: str = "/") -> str:
        """The address of a path at `HOST.site.test`."""
        return f"{self.scheme}://{host}{SITE_DOMAIN}:{self.port}{path}"

    def of(self, path: str, host: str | None = None) -> list[dict[str, str]]:
        """The header fields of each request for a path, at a host if one is given."""
        name = None if host is None else f"{host}{SITE_DOMAIN}"
        return [visit.headers for visit in self.visits if visit.path == path and name in (None, visit.host)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            method, path, _ = lines[0].split(" ")
            pairs = (line.partition(":") for line in lines[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            self.visits.append(Visit(headers["host"].partition(":")[0], method, path, headers))
            if (barrier := self.barriers.get(path)) is not None:
                await barrier.wait()
            writer.write(self.answers.get(path.partition("?")[0], Answer()).encoded())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # connections that browsers open ahead of need, and do not use
        finally:
            writer.close()


@asynccontextmanager
async def recorder(*, has_tls: bool = False) -> AsyncIterator[Recorder]:
    """A recorder on a free port; over https its certificate is of an unknown authority."""
    started = Recorder(scheme="https" if has_tls else "http")
    tls = None
    if has_tls:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert(f"*{SITE_DOMAIN}").configure_cert(tls)
    server = await asyncio.start_server(started.serve, "127.0.0.1", 0, limit=256 * 1024, ssl=tls)
    started.port = server.sockets[0].getsockname()[1]
    try:
        yield started
    finally:
        server.close()
