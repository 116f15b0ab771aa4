"""What the database says is "it does not answer", in cases that only a stand-in server can produce."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
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


# A statement of the server's that fails as a full disk and its like let one fail, with the same code.
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{code}'; END $$"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("53000", id="insufficient resources"),
        pytest.param("53100", id="disk full"),
        pytest.param("53200", id="out of memory"),
        pytest.param("53300", id="too many connections"),
        pytest.param("57P01", id="admin shutdown"),
        pytest.param("57P03", id="cannot connect now"),
        pytest.param("57P05", id="idle session timeout"),
        pytest.param("58030", id="io error"),
    ],
)
async def test_a_server_that_cannot_do_it_now_is_an_outage(database: Database, code: str) -> None:
    for ask in (database.execute, database.fetch, database.fetchval):
        with pytest.raises(UnavailableError):
            await ask(RAISE.format(code=code))
    with pytest.raises(UnavailableError):
        async with database.transaction() as connection:
            await connection.execute(RAISE.format(code=code))


async def test_a_mistake_in_a_statement_is_none(database: Database) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(RAISE.format(code="23505"))


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
