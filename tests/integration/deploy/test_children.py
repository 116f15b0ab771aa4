"""Child processes of the launcher: their end is bounded, their last words are kept, no descendant stays."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from deploy.embedded.install.environment import PythonEnvironment, bring_up_to_date
from deploy.embedded.install.progress import Progress
from deploy.embedded.processes.process import INTERRUPTED_S, ChildProcess, ProcessError, Program, run_to_end
from deploy.embedded.processes.stopping import StopRequested
from tests.kit.patience import PATIENCE_S

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(600)"
)
WITH_FAMILY = (
    "import subprocess, sys, time; "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); "
    "print('family', flush=True); time.sleep(600)"
)
LAST_WORDS = "import sys; print('\\n'.join(map(str, range(40)))); sys.exit('it was the lead piping')"


def python(folder: Path, code: str) -> Program:
    command = (sys.executable, "-c", code)
    return Program(name="suspect", command=command, log=folder / "suspect.log", environment=dict(os.environ))


def wait_for_log(child: ChildProcess, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in child.log_text():
        assert time.monotonic() < deadline, f"its log never said {words!r}"
        time.sleep(0.01)


def test_one_that_ignores_the_request_to_stop_is_killed_in_time(tmp_path: Path) -> None:
    child = ChildProcess.start(python(tmp_path, DEAF))
    wait_for_log(child, "deaf")
    began = time.monotonic()
    assert not child.stop(0.3)
    assert time.monotonic() - began < PATIENCE_S
    assert child.end == "was ended by SIGKILL"


def test_a_kill_reaches_descendants_with_a_session_of_their_own(tmp_path: Path) -> None:
    child = ChildProcess.start(python(tmp_path, WITH_FAMILY))
    wait_for_log(child, "family")
    family = psutil.Process(child.pid).children(recursive=True)
    assert family
    child.kill()
    assert all(not member.is_running() or member.status() == psutil.STATUS_ZOMBIE for member in family)


def test_a_failure_is_told_with_the_last_lines_of_the_log_alone(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"^suspect ended with exit code 1\.") as told:
        run_to_end(python(tmp_path, LAST_WORDS), timeout_s=PATIENCE_S)
    assert str(told.value).endswith("    it was the lead piping")
    assert len(str(told.value).split("\n")) == 16
    assert told.value.summary == "suspect ended with exit code 1."


def test_one_that_dies_of_our_own_ctrl_c_is_not_blamed(tmp_path: Path) -> None:
    def pause(seconds: float) -> None:
        if seconds == INTERRUPTED_S:
            raise StopRequested("SIGINT")
        time.sleep(seconds)

    with pytest.raises(StopRequested):
        run_to_end(python(tmp_path, LAST_WORDS), timeout_s=PATIENCE_S, pause=pause)


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"suspect took longer than 0 s\."):
        run_to_end(python(tmp_path, "import time; time.sleep(600)"), timeout_s=0.3)


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    program = Program(
        name="nobody", command=("/no/such",), log=tmp_path / "log", environment={"PATH": "/bin"}
    )
    with pytest.raises(ProcessError, match="nobody"):
        run_to_end(program, timeout_s=PATIENCE_S)


def test_a_secret_that_a_command_prints_does_not_reach_the_log(tmp_path: Path) -> None:
    program = python(tmp_path, "print('secret')")
    kept = tmp_path / "kept"
    silent = Program(program.name, program.command, program.log, program.environment, output=kept)
    run_to_end(silent, timeout_s=PATIENCE_S)
    assert kept.read_text() == "secret\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert program.log.read_text() == ""


def test_the_environment_is_made_once_and_filled_again_only_when_requirements_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "run.txt").write_text("# nothing yet\n")
    (requirements / "dev.txt").write_text("nothing-of-this-name==1 --hash=sha256:" + "0" * 64 + "\n")
    environment = PythonEnvironment(tmp_path / "venv", requirements)

    bring_up_to_date(environment, "run", Progress(), time.sleep)
    assert "Environment: venv made" in capsys.readouterr().out
    assert environment.is_usable()

    bring_up_to_date(environment, "run", Progress(), time.sleep)
    assert "Environment: venv is up to date" in capsys.readouterr().out

    with pytest.raises(ProcessError, match=r"pip could not install .*dev\.txt(?s:.*)nothing-of-this-name"):
        bring_up_to_date(environment, "dev", Progress(), time.sleep)
    assert not environment.is_sufficient_for("run"), "a half-filled environment serves nobody"

    (requirements / "run.txt").write_text("# still nothing\n")
    bring_up_to_date(environment, "run", Progress(), time.sleep)
    said = capsys.readouterr().out
    assert "venv made" not in said
    assert "Packages: installed" in said
