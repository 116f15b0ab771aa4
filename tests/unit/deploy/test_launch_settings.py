"""What `make run` makes of the settings that it is given, and how it refuses those that it would ignore."""

import subprocess
import sys

import pytest

from deploy.embedded.settings import LaunchSettings, SettingError
from tests.kit.paths import ROOT


def test_every_setting_may_be_given_to_make_without_the_prefix() -> None:
    environment = {"TENANT_MAX_QUEUED": "7", "RENDERFLEET_LEASE_S": "90", "PYTHON": "python3"}
    settings = LaunchSettings.from_environment(environment, given=environment)
    assert settings.passed_on["RENDERFLEET_TENANT_MAX_QUEUED"] == "7"
    assert settings.passed_on["RENDERFLEET_LEASE_S"] == "90"
    inherited = LaunchSettings.from_environment(environment)  # of which other programs may be meant
    assert "RENDERFLEET_TENANT_MAX_QUEUED" not in inherited.passed_on


@pytest.mark.parametrize("name", ["EGRES_ALLOW", "RENDERFLEET_EGRES_ALLOW"])
def test_a_misspelt_setting_stops_the_start_and_names_the_nearest_one(name: str) -> None:
    with pytest.raises(SettingError, match=r"no setting EGRES_ALLOW\. Did you mean EGRESS_ALLOW\?"):
        LaunchSettings.from_environment({name: "10.0.0.0/8"}, given=[name])


def test_an_address_of_other_engines_is_refused_and_not_ignored() -> None:
    with pytest.raises(SettingError, match="brings its own Postgres, Redis and S3"):
        LaunchSettings.from_environment({"DATABASE_URL": "postgresql://x"}, given=["DATABASE_URL"])


def test_each_worker_has_a_port_of_its_own_for_its_metrics() -> None:
    environment = {"WORKERS": "3", "WORKER_METRICS_PORT": "9464"}
    settings = LaunchSettings.from_environment(environment, given=environment)
    assert [settings.worker_environment(number) for number in (1, 2, 3)] == [
        {"RENDERFLEET_WORKER_METRICS_PORT": str(port)} for port in (9464, 9465, 9466)
    ]
    assert LaunchSettings.from_environment({"WORKERS": "3"}).worker_environment(1) == {}


@pytest.mark.parametrize(
    ("port", "said"),
    [("7999", "API_PORT 8000 is one of .* 7999 to 8001"), ("65534", "no port for each of 3")],
)
def test_ports_that_cannot_be_had_are_named(port: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        LaunchSettings.from_environment({"WORKERS": "3", "WORKER_METRICS_PORT": port})


def test_make_tells_the_launcher_what_it_was_given() -> None:
    words = ["make", "--dry-run", "run", f"PYTHON={sys.executable}", "EGRES_ALLOW=a b", "WORKERS=2"]
    printed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in printed.splitlines() if "-m deploy.embedded --end-with" in line]
    assert set(line.partition("--given ")[2].split()) >= {"EGRES_ALLOW", "PYTHON", "WORKERS"}
    assert " b" not in line
