"""Mends a fault of asyncio's own event loop, which most tests run on; the product runs on uvloop.

A connection that comes in at the moment in which its server is closed is never closed itself, and pytest
tells of it in some later test. Newer versions of Python close it:
https://github.com/python/cpython/issues/109564.
"""

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any


def close_late_connections() -> None:
    """Have asyncio close such connections, in this process."""
    accept = BaseSelectorEventLoop._accept_connection2  # type: ignore[attr-defined]  # noqa: SLF001

    async def accept_unless_closed(  # noqa: PLR0917 - asyncio's signature
        self: BaseSelectorEventLoop,
        protocol_factory: Any,
        conn: socket.socket,
        extra: Any,
        sslcontext: Any = None,
        server: asyncio.Server | None = None,
        *timeouts: float,
    ) -> None:
        if server is not None and not server.sockets:
            conn.close()
            return
        await accept(self, protocol_factory, conn, extra, sslcontext, server, *timeouts)

    BaseSelectorEventLoop._accept_connection2 = accept_unless_closed  # type: ignore[attr-defined]  # noqa: SLF001
