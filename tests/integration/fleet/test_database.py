"""What the database says is "it does not answer", in cases that only a stand-in server can produce."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from fleet.database import Database, DatabaseSettings
from fleet.errors import UnavailableError

# FATAL 57P01 as a message of the protocol (PostgreSQL's manual, 55.7, ErrorResponse): what a backend sends
# when its server is stopped, or dies under it. The end of the connection comes later, in another packet.
FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
LAST_MESSAGE = b"E" + (len(FIELDS) + 4).to_bytes(4, "big") + FIELDS


class Server:
    """Forwards to Postgres; can speak to its clients on its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.append(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    def send_last_message(self) -> None:
        for client in self._clients:
            client.write(LAST_MESSAGE)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    finally:
        writer.close()


@asynccontextmanager
async def server_before(url: str) -> AsyncIterator[tuple[Server, str]]:
    port = urlsplit(url).port
    assert port is not None
    made = Server(port)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield made, url.replace(f":{port}/", f":{listening.sockets[0].getsockname()[1]}/")
    finally:
        listening.close()


async def ask_until_it_fails(database: Database, server: Server) -> None:
    """Some statements may still succeed: nobody knows when the driver reads the server's last message."""
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
        server.send_last_message()
        for _ in range(100):
            await asyncio.sleep(0.01)
            await connection.fetchval("SELECT 1")


async def test_a_server_that_stops_under_an_idle_connection_is_an_outage(database_url: str) -> None:
    async with server_before(database_url) as (server, url):
        database = await Database.open(DatabaseSettings(database_url=url), application="tests")
        try:
            with pytest.raises(UnavailableError):
                await ask_until_it_fails(database, server)
        finally:
            database.terminate()
