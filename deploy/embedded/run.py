"""`make run`: installs, starts and stops the whole fleet on this machine.

`Launcher.run` contains the order in which things start. `ServiceSupervisor.stop` contains the order in which
they stop, at whichever step the run is asked to stop.
"""

import argparse
import http.client
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final

from deploy.embedded.data_dir import DataDir, DataDirError, write_private
from deploy.embedded.engines.engines import EngineError, Engines
from deploy.embedded.engines.ports import PortError, require_free
from deploy.embedded.install.chromium import Chromium, ChromiumError
from deploy.embedded.install.chromium_install import ensure_fonts, find_or_install
from deploy.embedded.install.progress import Progress, say
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.privileges import PrivilegeError, needed
from deploy.embedded.processes.process import Pause, ProcessError, Program, run_to_end
from deploy.embedded.processes.stopping import StopRequested, StopSignal
from deploy.embedded.processes.supervisor import WATCH_S, RunEndedError, Service, ServiceSupervisor
from deploy.embedded.settings import LaunchSettings, SettingError
from deploy.embedded.shell import FILE, write_environment
from deploy.embedded.welcome import welcome
from fleet.setting_names import unknown

COMMAND_TIMEOUT_S: Final = 120.0
READY_TIMEOUT_S: Final = 90.0
# Commands read the address of Postgres from this file if no setting contains it (fleet/database.py).
URL_FILE: Final = "database-url"
LOWEST_ORDINARY_PORT: Final = 1024

# In this time workers finish renders; then they put jobs back. The supervisor kills them after 5 s.
SHUTDOWN_GRACE_S: Final = "3"
# The supervisor kills the API after 1.5 s.
API_SHUTDOWN_GRACE_S: Final = "1"

EXPECTED: Final = (
    ChromiumError,
    DataDirError,
    EngineError,
    PortError,
    PrivilegeError,
    ProcessError,
    RunEndedError,
    SettingError,
)

# Does not use the proxy settings of the machine: a proxy cannot reach loopback.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Launcher:
    """One run of the fleet.

    Attributes:
        progress: prints the steps.
        pause: sleeps, or raises if this process is asked to stop.
    """

    def __init__(self, settings: LaunchSettings, progress: Progress, pause: Pause) -> None:
        self.settings = settings
        self.progress = progress
        self.pause = pause
        self._environment: Mapping[str, str] = {}

    def run(self) -> None:
        """Start everything, print that it is ready, and watch it. However it ends, no child is left running.

        Raises:
            StopRequested: this process was asked to stop. Without an error it ends in no other way.
            Exception: one of `EXPECTED`: something is missing or wrong, or has ended.
        """
        require_free(self.settings.api_host, self.settings.api_port, setting="API_PORT")
        for port in self.settings.metrics_ports:
            require_free("0.0.0.0", port, setting="WORKER_METRICS_PORT")
        engines = Engines(DataDir(self.settings.data_dir, pause=self.pause), pause=self.pause)
        supervisor = ServiceSupervisor(engines)
        try:
            chromium = self._chromium()
            engines.start_each(self.progress.step)
            self._environment = self._child_variables(engines, chromium)
            with self.progress.step("Migrations"):
                self._run_module("migrations", "migrations")
            self._create_api_key(engines)
            write_private(self._url_file, engines.database_url)
            self._start_services(supervisor)
            self.progress.line("renderfleet is ready.")
            write_environment(self.settings.data_dir, self._shell_variables(engines))
            say(welcome(self.settings, self._key_file))
            while True:
                self.pause(WATCH_S)
                supervisor.watch()
        finally:
            say("Stopping.")
            self._url_file.unlink(missing_ok=True)
            (self.settings.data_dir / FILE).unlink(missing_ok=True)
            supervisor.stop()

    def _chromium(self) -> Chromium:
        log = self._log("chromium-install")
        with self.progress.step("Chromium") as note:
            found = find_or_install(log=log, tell=self.progress.line, pause=self.pause)
            note(str(found))
        ensure_fonts(log=log, tell=self.progress.line, pause=self.pause)
        return found

    def _child_variables(self, engines: Engines, chromium: Chromium) -> dict[str, str]:
        variables = self.settings.child_environment(os.environ, engines.environment)
        variables.setdefault("RENDERFLEET_SHUTDOWN_GRACE_S", SHUTDOWN_GRACE_S)
        variables.setdefault("RENDERFLEET_API_SHUTDOWN_GRACE_S", API_SHUTDOWN_GRACE_S)
        variables["RENDERFLEET_CHROMIUM_EXECUTABLE"] = str(chromium.executable)
        if needed():  # without root's rights, the home folder of root may not be accessible
            variables["HOME"] = str(self.settings.data_dir / "home")
            variables["TMPDIR"] = str(self.settings.data_dir / "tmp")
        return variables

    def _shell_variables(self, engines: Engines) -> dict[str, str]:
        """With these, commands in another terminal find this fleet."""
        passed_on = ("RENDERFLEET_CHROMIUM_EXECUTABLE", "RENDERFLEET_DATA_DIR", "RENDERFLEET_API_PUBLIC_URL")
        return {
            **engines.environment,
            **{name: self._environment[name] for name in passed_on},
            "RENDERFLEET_URL": self.settings.address,
            "RENDERFLEET_API_KEY": self._key_file.read_text().strip(),
        }

    def _create_api_key(self, engines: Engines) -> None:
        """Create the local API key, if there is none or the database is new and does not know it."""
        if self._key_file.exists() and not engines.postgres.is_new:
            return
        draft = self._key_file.with_suffix(".draft")
        words = ("create", "--tenant", "local", "--new-tenant", "--name", "local")
        scopes = ("--scopes", "render,read,admin")
        with self.progress.step("API key"):
            self._run_module("API key", "fleet.keys", *words, *scopes, output=draft)
        write_private(self._key_file, draft.read_text())
        draft.unlink()

    def _start_services(self, supervisor: ServiceSupervisor) -> None:
        """Start the API and the workers at the same time, and wait until all of them are ready."""
        before = supervisor.engines.postgres.query("SELECT now()")
        with self.progress.step(f"API and {_number_of(self.settings.workers, 'worker')}"):
            supervisor.api = Service(self._api_program())
            for number in range(1, self.settings.workers + 1):
                supervisor.workers.append(Service(self._worker_program(number)))
            deadline = time.monotonic() + READY_TIMEOUT_S
            while not (self._api_is_ready() and self._workers_are_ready(supervisor.engines, before)):
                supervisor.require_all_alive()
                if time.monotonic() > deadline:
                    raise RunEndedError(
                        f"API and workers did not get ready within {READY_TIMEOUT_S:.0f} s. "
                        f"See the logs in {self.settings.data_dir / 'log'}."
                    )
                self.pause(WATCH_S)

    def _api_is_ready(self) -> bool:
        try:
            with _DIRECT.open(f"{self.settings.address}/readyz", timeout=2) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (OSError, http.client.HTTPException):
            return False

    def _workers_are_ready(self, engines: Engines, since: str) -> bool:
        """Whether all workers have written their rows, which they do once they have a browser."""
        reported = engines.postgres.query(
            f"SELECT count(*) FROM workers WHERE last_seen_at > '{since}' AND stopped_at IS NULL"  # noqa: S608
        )
        return int(reported) >= self.settings.workers

    @property
    def _key_file(self) -> Path:
        return self.settings.data_dir / "api-key"

    @property
    def _url_file(self) -> Path:
        return self.settings.data_dir / URL_FILE

    def _log(self, name: str) -> Path:
        return self.settings.data_dir / "log" / f"{name}.log"

    def _run_module(self, name: str, module: str, *words: str, output: Path | None = None) -> None:
        program = Program(
            name=name,
            command=(sys.executable, "-m", module, *words),
            log=self._log("migrations"),
            environment=self._environment,
            output=output,
        )
        run_to_end(program, timeout_s=COMMAND_TIMEOUT_S, pause=self.pause)

    def _program(self, name: str, module: str, *words: str, unprivileged: bool = True) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-m", module, *words),
            log=self._log(name),
            environment=self._environment,
            unprivileged=unprivileged,
        )

    def _worker_program(self, number: int) -> Program:
        program = self._program(f"worker-{number}", "worker")
        own = self.settings.worker_environment(number)
        return replace(program, environment={**program.environment, **own})

    def _api_program(self) -> Program:
        unprivileged = self.settings.api_port >= LOWEST_ORDINARY_PORT
        return self._program("api", "api", unprivileged=unprivileged)


def _number_of(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def main(words: list[str]) -> int:
    """Run until this process is asked to stop.

    Returns:
        The exit code: 0 after a request to stop, 1 if something is missing or wrong, or has ended.
    """
    parser = argparse.ArgumentParser(
        prog="python -m deploy.embedded", description="The fleet on one machine."
    )
    parser.add_argument("--end-with", type=int, metavar="PID", help="stop when this parent process has ended")
    parser.add_argument("--given", nargs="*", default=(), metavar="NAME", help="variables given to make")
    arguments = parser.parse_args(words)
    parent = arguments.end_with
    for name in unknown(os.environ):
        say(f"renderfleet: no program reads the setting {name}")
    stop = StopSignal()
    process_tree.adopt_orphans()
    if parent is not None and not process_tree.end_with_parent(parent, signal.SIGTERM):
        return 1
    try:
        settings = LaunchSettings.from_environment(os.environ, arguments.given)
        Launcher(settings, Progress(), stop.pause).run()
    except StopRequested as request:
        say(f"renderfleet has stopped ({request}). Its data stays in {settings.data_dir}.")
    except EXPECTED as error:
        say(f"\nrenderfleet: {error}")
        return 1
    return 0
