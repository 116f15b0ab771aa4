"""A PgBouncer before the tests' Postgres, as fleets have one: another connection for each transaction."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.kit.processes import free_port
from tests.kit.servers.child_server import child_server

# Debian has it where only root's path leads.
PGBOUNCER: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
# So few connections that processes and statements get those of each other.
CONFIGURATION: Final = """\
[databases]
{database} = host={host} port={port} dbname={database} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@asynccontextmanager
async def pgbouncer(url: str, folder: Path) -> AsyncIterator[str]:
    """The address of a PgBouncer in transaction mode, instead of that of Postgres."""
    assert PGBOUNCER is not None
    place = urlsplit(url)
    own_port = free_port()
    file = folder / "pgbouncer.ini"
    file.write_text(
        CONFIGURATION.format(
            host=place.hostname,
            port=place.port,
            database=place.path[1:],
            user=place.username,
            password=place.password,
            own_port=own_port,
        )
    )
    async with child_server(PGBOUNCER, str(file), port=own_port, log=folder / "pgbouncer.log"):
        yield url.replace(f":{place.port}/", f":{own_port}/")
