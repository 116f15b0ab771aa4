"""`make run` as its user knows it: from nothing to a picture, and whatever ends it leaves no process."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.embedded.engines.ports import free_port, listen_error
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import command_line
from worker.browser.launch.sandbox import missing_walls

pytestmark = pytest.mark.timeout(600)  # the first start may have to fill .venv

START_S = 2 * PATIENCE_S
READY = "renderfleet is ready."
PNG = b"\x89PNG\r\n\x1a\n"
ROOT_OF_A_NAMESPACE = ("unshare", "--user", "--map-root-user")


class Run:
    """One `make run` with a data folder and a port of its own.

    Args:
        folder: for what it writes.
        before: words before `make`, such as those that make it run as root.
        settings: as they are given to `make run`.
    """

    def __init__(self, folder: Path, *, before: tuple[str, ...] = (), **settings: str) -> None:
        self.data_dir = folder / "data"
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        self.output = folder / f"output-{self.port}.txt"
        # What an outer make tells an inner one, and the outer one's settings, are not meant for this one.
        inherited = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("MAKE", "RENDERFLEET_")) and name != "MFLAGS"
        }
        words = {
            "PYTHON": sys.executable,
            "DATA_DIR": str(self.data_dir),
            "API_PORT": str(self.port),
            **settings,
        }
        with self.output.open("wb") as output:
            self.make = subprocess.Popen(
                [*before, "make", "run", *(f"{name}={text}" for name, text in words.items())],
                cwd=ROOT,
                env=inherited,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str, timeout_s: float = START_S) -> None:
        wait_until(lambda: words in self.said() or self.make.poll() is not None, words, timeout_s)
        assert words in self.said(), self.said()

    def launcher(self) -> psutil.Process:
        (found,) = [
            one for one in psutil.Process(self.make.pid).children() if "deploy.embedded" in command_line(one)
        ]
        return found

    def child(self, word: str) -> psutil.Process:
        """The launcher's child with this module or program in its command."""
        (found,) = [
            one
            for one in self.launcher().children()
            if any(Path(part.partition(" ")[0]).name == word for part in command_line(one))
        ]
        return found

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.make.pid).children(recursive=True)

    def alive(self) -> list[str]:
        """Processes of this instance, found by the data folder in their words, variables or open files."""
        return [name for process in psutil.process_iter() if (name := self._name_if_ours(process))]

    def _name_if_ours(self, process: psutil.Process) -> str:
        mark = str(self.data_dir)
        try:
            ours = process.status() != psutil.STATUS_ZOMBIE and (
                any(mark in word for word in process.cmdline())
                or any(mark in text for text in process.environ().values())
                or any(mark in file.path for file in process.open_files())
            )
            return process.name() if ours else ""
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return ""


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def running(folder: Path, *, before: tuple[str, ...] = (), **settings: str) -> Iterator[Run]:
    run = Run(folder, before=before, **settings)
    try:
        yield run
    finally:
        if run.make.poll() is None:
            run.make.terminate()
        run.make.wait(PATIENCE_S)


def made_by(command: str) -> str:
    """The API key that a command prints which the user pastes into another terminal in this folder."""
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith(("RENDERFLEET_", "MAKE"))
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def shell(run: Run, typed: str) -> str:
    """What `make shell` prints while somebody types this."""
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith(("RENDERFLEET_", "MAKE"))
    }
    done = subprocess.run(
        ["make", "shell", f"PYTHON={sys.executable}", f"DATA_DIR={run.data_dir}"],
        cwd=ROOT,
        env={**environment, "SHELL": "/bin/sh"},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return done.stdout + done.stderr


def press_ctrl_c(run: Run) -> None:
    """All processes of the terminal get the signal. Returns when none is left.

    GNU make that gets it while it starts a program may lose count of its children: of 660 times, it said 29
    times `wait: No child processes`. Perhaps it can also wait for one that it does not have. So if nobody
    else is left, it gets the signal once more.
    """
    os.killpg(run.make.pid, signal.SIGINT)
    try:
        wait_until(
            lambda: run.make.poll() is not None or not run.family(), "the end of all that make has started"
        )
    except AssertionError as error:
        alive = [command_line(one) for one in run.family()]
        raise AssertionError(f"{error}\nstill running: {alive}\n{run.said()}") from None
    if run.make.poll() is None:
        os.killpg(run.make.pid, signal.SIGINT)
    run.make.wait(PATIENCE_S)


def jobs_of(run: Run, key: str) -> list[str]:
    """The status of each job of the key's tenant."""
    headers = {"Authorization": f"Bearer {key}"}
    jobs = httpx.get(f"http://127.0.0.1:{run.port}/v1/jobs", headers=headers).json()
    return [job["status"] for job in jobs["jobs"]]


@pytest.mark.timeout(900)  # one after the other, because each start takes eight seconds of CPU
def test_from_nothing_to_a_picture_then_beside_others_then_after_a_kill_as_root(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.wait_for(READY)
        run.wait_for("Ctrl-C stops everything")  # the last words of the welcome
        said = run.said()
        for step in (
            "Environment",
            "Chromium",
            "Redis",
            "Postgres",
            "S3",
            "Migrations",
            "API key",
            "API and 1 worker",
        ):
            assert re.search(rf"^\[ *\d+\.\d s\] {step}: ", said, re.MULTILINE), step
        key = (run.data_dir / "api-key").read_text().strip()
        assert (run.data_dir / "api-key").stat().st_mode & 0o777 == 0o600
        assert key in said

        pasted = said.partition("Make a picture")[2].partition("\n")[2].partition("For a web page")[0]
        subprocess.run(["bash", "-c", pasted], cwd=tmp_path, check=True, timeout=PATIENCE_S)
        assert (tmp_path / "picture.png").read_bytes().startswith(PNG)

        typed = "renderfleet jobs --json status && python -m fleet.keys list --tenant local && exit\n"
        assert '{"status": "succeeded"}' in shell(run, typed)

        command = said.partition("more keys ")[2].partition("\n")[0]
        assert jobs_of(run, made_by(command)) == []
        assert (run.data_dir / "database-url").stat().st_mode & 0o777 == 0o600

        check_neighbours(run, tmp_path)
        kill_launcher(run)

    ports = two_free_ports()
    settings = {"WORKERS": "2", "WORKER_METRICS_PORT": str(ports[0])}
    with running(tmp_path, before=ROOT_OF_A_NAMESPACE, **settings) as again:
        again.wait_for(READY)
        for port in ports:
            assert "renderfleet_slots_busy" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert "API key:" not in again.said()
        assert jobs_of(again, key) == ["succeeded"]
        check_sandbox(again)

        again.make.send_signal(signal.SIGTERM)
        again.make.wait(PATIENCE_S)
        assert again.alive() == []
        assert not (again.data_dir / "database-url").exists()
        assert "no `make run` is running with its data in" in shell(again, "exit\n")
        assert "renderfleet has stopped (SIGTERM)" in again.said()


def two_free_ports() -> tuple[int, int]:
    """One after the other."""
    while listen_error("0.0.0.0", (first := free_port()) + 1) is not None:
        pass
    return first, first + 1


def check_sandbox(run: Run) -> None:
    """Root of a user namespace is root as far as `make run` can see. No page and no worker is root's."""
    workers = [one.pid for one in run.launcher().children() if "worker" in command_line(one)]
    user_ids = [Path(f"/proc/{pid}/ns/user").readlink() for pid in (run.launcher().pid, *workers)]
    assert user_ids[0] not in user_ids[1:], "a worker is root"
    assert len(workers) == 2
    renderers = [one.pid for one in run.family() if "--type=renderer" in command_line(one)]
    assert renderers
    assert not any(map(missing_walls, renderers))
    assert "CHROMIUM_SANDBOX" not in run.said()


def kill_launcher(run: Run) -> None:
    """It takes everything along."""
    family = run.family()
    run.launcher().kill()
    wait_until(lambda: all(map(gone, family)) and not run.alive(), "nothing is left")


@pytest.mark.parametrize("step", ["Chromium: ", "Redis: ", "Postgres: ", "Migrations: "])
def test_ctrl_c_at_any_step_leaves_nothing(tmp_path: Path, step: str) -> None:
    with running(tmp_path) as run:
        run.wait_for(step)
        press_ctrl_c(run)
        assert run.alive() == []
        assert "renderfleet has stopped (SIGINT)" in run.said()
        assert "Traceback" not in run.said()


def test_ctrl_c_before_the_launcher_has_loaded_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.wait_for("Environment: ")
        press_ctrl_c(run)
        assert run.alive() == []


def test_whoever_kills_make_means_everything(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.wait_for("Postgres: ")
        family = run.family()
        run.make.kill()
        wait_until(lambda: all(map(gone, family)) and not run.alive(), "nothing is left")


def check_neighbours(run: Run, folder: Path) -> None:
    """A second instance needs a port and a folder of its own, and a dead engine ends its own run."""
    with running(folder / "same-folder", DATA_DIR=str(run.data_dir)) as second:
        second.wait_for("is in use by another renderfleet")
    with running(folder / "same-port", API_PORT=str(run.port)) as third:
        third.wait_for(f"Port {run.port} on 127.0.0.1 is in use by another program. Stop it, or choose")
        assert not third.data_dir.exists(), "it was said before anything was started"
    with running(folder / "beside") as fourth:
        fourth.wait_for(READY)
        kill_worker_and_engine(fourth)
        assert httpx.get(f"http://127.0.0.1:{run.port}/readyz").status_code == 200


def kill_worker_and_engine(run: Run) -> None:
    """A dead worker is started again, and a dead engine ends the run."""
    first = run.child("worker")
    first.kill()
    run.wait_for("worker-1 was ended by SIGKILL.", PATIENCE_S)
    run.wait_for("worker-1 is started again.", PATIENCE_S)
    wait_until(
        lambda: [one for one in run.launcher().children() if "worker" in command_line(one) and one != first],
        "a second worker",
    )
    assert httpx.get(f"http://127.0.0.1:{run.port}/readyz").status_code == 200
    run.child("valkey-server").kill()
    run.wait_for("renderfleet: Redis was ended by SIGKILL.", PATIENCE_S)
    assert run.make.wait(PATIENCE_S) != 0
    assert run.alive() == []
