"""Starts the product by the README's first block and tries all other blocks on it, in each shell.

`python -m tests.kit.docs.try_blocks FOLDER SHELL...` inside `tests.kit.docs.lone_machine`. It writes one JSON
document: the outcome of each block.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import asyncpg
import psutil
import trustme

from deploy.embedded.engines.postgres_engine import installed_versions, programs_folder
from tests.kit.docs.blocks import Block, blocks
from tests.kit.docs.reader import SHELLS, Outcome, paste, wait_for
from tests.kit.docs.special_blocks import (
    AND_THEN,
    EXAMPLE_KEY_ID,
    MAKE_SAYS,
    NOT_RUN,
    RESTORE,
    START,
    STARTED,
    UNTIL_CTRL_C,
    WORDS_ALONE,
)
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import command_line

# Undo what the blocks have changed in the database, so that they can be tried in the next shell.
_UNDO: Final = (
    "UPDATE api_keys SET revoked_at = NULL WHERE id = $1",
    "UPDATE tenants SET name = $1 || ' has made globex' WHERE name = 'globex'",
)
_EXAMPLE_ID: Final = "UPDATE api_keys SET id = $1 WHERE id = $2"


class ExamplePage(BaseHTTPRequestHandler):
    """Answers everything with one page."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Example</title><h1>Example</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def example_com() -> Iterator[None]:
    """https://example.com, with a certificate that Chromium is told to accept."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("example.com").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 443), ExamplePage) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def write_script(path: Path, text: str) -> str:
    """Write a shell script. Returns its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


class ReaderMachine:
    """The machine of a reader: a copy of the repository, and a running fleet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "renderfleet"
        self.logs = folder / "logs"
        self.logs.mkdir()
        chromium = os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"]
        postgres = next(iter(installed_versions(programs_folder()).values()))
        accepting = f'exec {shlex.quote(chromium)} --ignore-certificate-errors "$@"'
        # To the error output: some blocks send the other one to a file or to another command.
        write_script(folder / "bin" / WORDS_ALONE, f"printf '%s\\n' {WORDS_ALONE} \"$@\" >&2")
        own = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        self.environment = {
            **own,
            "PATH": f"{self.repository}/.venv/bin:{folder}/bin:{postgres}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "RENDERFLEET_CHROMIUM_EXECUTABLE": write_script(folder / "bin" / "chromium", accepting),
            "RENDERFLEET_EGRESS_ALLOW": "127.0.0.1",
        }

    def copy_repository(self) -> None:
        """Copy what the blocks need of the repository, and link the Python environment of the tests."""
        ignored = shutil.ignore_patterns(".*")  # what Python has compiled is as old as its source, and copied
        self.repository.mkdir()
        for name in ("api", "clients", "deploy", "fleet", "migrations", "worker"):
            shutil.copytree(ROOT / name, self.repository / name, ignore=ignored)
        shutil.copytree(ROOT / "docs" / "examples", self.repository / "docs" / "examples", ignore=ignored)
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy2(ROOT / name, self.repository / name)
        (self.repository / ".venv").symlink_to((ROOT / ".venv").resolve())

    @contextmanager
    def running(self, start: Block) -> Iterator[None]:
        """Run the fleet with the README's command, during the block."""
        log = self.logs / "run.log"
        with log.open("wb") as output:
            run = subprocess.Popen(
                ["sh", "-c", start.text],
                cwd=self.repository,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_for(STARTED, log)
            self._read_worker_settings()
            yield
        finally:
            os.killpg(run.pid, signal.SIGINT)
            run.wait(PATIENCE_S)

    def _read_worker_settings(self) -> None:
        """Take over the variables of the worker that runs, as docs/operations/start-a-worker.md says."""
        worker = next(one for one in psutil.process_iter() if command_line(one)[-2:] == ["-m", "worker"])
        settings = {
            name: text for name, text in worker.environ().items() if name.startswith(("RENDERFLEET_", "AWS_"))
        }
        (self.repository / "worker.env").write_text(
            "".join(f"{name}={shlex.quote(text)}\n" for name, text in settings.items())
        )
        key = (self.repository / ".renderfleet" / "api-key").read_text().strip()
        self.environment |= {
            **settings,
            "KEY": key,
            "ADMIN_KEY": key,
            "RENDERFLEET_URL": "http://127.0.0.1:8000",
            "RENDERFLEET_API_KEY": key,
            "TOKEN": "0123456789abcdef0123456789abcdef",
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_LIVE_TYPE": "s3",
            "RCLONE_CONFIG_LIVE_PROVIDER": "Rclone",
            "RCLONE_CONFIG_LIVE_ENV_AUTH": "true",
            "RCLONE_CONFIG_LIVE_ENDPOINT": settings["RENDERFLEET_S3_ENDPOINT_URL"],
            "RCLONE_CONFIG_BACKUP_TYPE": "alias",
            "RCLONE_CONFIG_BACKUP_REMOTE": str(self.folder / "backup"),
        }

    def outcomes(self, found: list[Block], shell: str) -> Iterator[Outcome]:
        """Try each block in one shell."""
        asyncio.run(self._sql(f"CREATE DATABASE restored_in_{shell}"))
        for statement in _UNDO:
            asyncio.run(self._sql(statement, EXAMPLE_KEY_ID))
        for number, block in enumerate(found):
            yield paste(
                block,
                shell,
                folder=self.repository,
                environment={**self.environment, **MAKE_SAYS, **self._more_variables(block, shell)},
                log=self.logs / f"{shell}-{number}.log",
                and_then=AND_THEN.get(block.name, ""),
                ctrl_c=UNTIL_CTRL_C.get(block.name),
            )

    def _more_variables(self, block: Block, shell: str) -> dict[str, str]:
        if "$JOB" in block.text and "JOB=" not in block.text:
            job = json.loads((self.repository / "job.json").read_text())  # README's blocks have made it
            return {"JOB": job["id"]}
        if not block.name.startswith(RESTORE):
            return {}
        url = self.environment["RENDERFLEET_DATABASE_URL"]
        return {"RENDERFLEET_DATABASE_URL": f"{url.rpartition('/')[0]}/restored_in_{shell}"}

    def make_tenant(self) -> None:
        """Make what the pages assume to exist: the tenant acme, and its key with the id of the examples."""
        command = [sys.executable, "-m", "fleet.keys", "create", "--tenant", "acme", "--new-tenant"]
        made = subprocess.run(
            command, cwd=self.repository, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        key_id = made.stdout.split("_")[1]
        asyncio.run(self._sql(_EXAMPLE_ID, EXAMPLE_KEY_ID, key_id))

    async def _sql(self, statement: str, *arguments: str) -> None:
        connection = await asyncpg.connect(self.environment["RENDERFLEET_DATABASE_URL"])
        await connection.execute(statement, *arguments)
        await connection.close()


def is_tried(block: Block, shell: str) -> bool:
    """Whether a block is tried in this shell: plain ones are tried in sh alone.

    Those for docker cost nothing, and show that plain words are the same words in both.
    """
    return shell == "sh" or not block.is_plain or WORDS_ALONE in block.text


def main(words: list[str]) -> None:
    """Try all blocks and write the outcomes."""
    folder, shells = Path(words[0]), [shell for shell in SHELLS if shell in words[1:]]
    found = list(blocks())
    machine = ReaderMachine(folder)
    machine.copy_repository()
    start = next(block for block in found if block.name == START)
    with example_com(), machine.running(start):
        machine.make_tenant()
        tried = [block for block in found if block.name not in NOT_RUN]
        outcomes = [
            outcome
            for shell in shells
            for outcome in machine.outcomes([block for block in tried if is_tried(block, shell)], shell)
        ]
    (folder / "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1:])
