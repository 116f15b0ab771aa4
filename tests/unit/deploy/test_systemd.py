"""The units for systemd are understood by it, start what there is, and give it the time that it needs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.setting_names import NAMES, PREFIX
from tests.kit.paths import ROOT
from worker.settings import AttemptSettings

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for unit in UNITS:
        # Here is no /opt/renderfleet; systemd looks whether the program can be executed.
        text = unit.read_text().replace("/opt/renderfleet/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/opt/renderfleet", str(ROOT)))
    names = [str(tmp_path / unit.name.replace("@.", "@1.")) for unit in UNITS]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    said = [line for line in verified.stderr.splitlines() if "renderfleet" in line]
    assert (verified.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_unit_starts_a_program_of_ours_with_settings_that_there_are(unit: Path) -> None:
    (module,) = re.findall(r"python -m (\w+)$", values(unit, "ExecStart")[0])
    assert (ROOT / module / "__main__.py").exists()
    for assignment in values(unit, "Environment"):
        name, _, folder = assignment.partition("=")
        assert name.removeprefix(PREFIX) in NAMES
        # Everything else is read-only.
        assert values(unit, "StateDirectory") == [folder.removeprefix("/var/lib/")]


def test_a_worker_may_end_its_renders_and_hand_back_the_rest() -> None:
    (unit,) = [unit for unit in UNITS if "worker@" in unit.name]
    (stop_s,) = map(float, values(unit, "TimeoutStopSec"))
    grace_s = AttemptSettings.model_fields["shutdown_grace_s"].default
    assert stop_s >= grace_s + 15  # to hand back, and to close the browser
    assert values(unit, "KillMode") == ["mixed"]
    assert not values(unit, "RestrictNamespaces"), "Chromium's sandbox is made of namespaces"
