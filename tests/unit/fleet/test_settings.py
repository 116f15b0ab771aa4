import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import health as api_health
from api.settings import ApiSettings
from deploy.embedded.settings import IGNORED, PASSED_ON
from fleet import setting_names
from fleet.artifacts.settings import StorageSettings
from fleet.database import DatabaseSettings, command_settings
from fleet.egress.networks import split_network
from fleet.egress.settings import EgressSettings
from fleet.queue.settings import RedisSettings
from fleet.setting_names import PREFIX
from fleet.settings import DataSettings, SettingsError, load_settings
from fleet.telemetry.logs import LogSettings, configure_logs
from tests.kit.docs.settings import settings_classes
from worker.health import ask as worker_health
from worker.settings import BrowserSettings


@pytest.fixture(autouse=True)
def bare_environment() -> Iterator[None]:
    """No setting of the machine that runs the tests."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("RENDERFLEET_")]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def refusal(settings_class: type) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(settings_class)
    return str(caught.value)


def test_a_missing_setting_is_named() -> None:
    assert "RENDERFLEET_DATABASE_URL is not set" in refusal(DatabaseSettings)


def test_a_wrong_value_names_the_variable_and_what_is_allowed_but_not_the_value() -> None:
    os.environ["RENDERFLEET_DATABASE_URL"] = "mysql://user:hunter2@host/db"
    words = refusal(DatabaseSettings)
    assert "RENDERFLEET_DATABASE_URL is wrong" in words
    assert "postgres" in words
    assert "hunter2" not in words


def test_a_value_outside_its_range_says_the_range() -> None:
    os.environ["RENDERFLEET_BROWSER_MAX_PAGES"] = "0"
    assert "must be at least 1" in refusal(BrowserSettings)


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://user:hunter2@host/db\n")
    os.environ["RENDERFLEET_DATABASE_URL_FILE"] = str(path)
    for read in (load_settings(DatabaseSettings), command_settings()):
        assert read.database_url == "postgresql://user:hunter2@host/db"
    assert setting_names.unknown(os.environ) == []
    path.write_text("mysql://user:hunter2@host/db")
    words = refusal(DatabaseSettings)
    assert "RENDERFLEET_DATABASE_URL is wrong" in words
    assert "hunter2" not in words


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.environ["RENDERFLEET_DATABASE_URL_FILE"] = str(tmp_path / "none")
    words = refusal(DatabaseSettings)
    assert (
        f"RENDERFLEET_DATABASE_URL_FILE names {tmp_path / 'none'}, which cannot be read: No such file"
        in words
    )


def test_a_value_beside_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://one/db")
    os.environ["RENDERFLEET_DATABASE_URL_FILE"] = str(tmp_path / "url")
    os.environ["RENDERFLEET_DATABASE_URL"] = "postgresql://two/db"
    assert "RENDERFLEET_DATABASE_URL and RENDERFLEET_DATABASE_URL_FILE are both set" in refusal(
        DatabaseSettings
    )


def test_an_unknown_log_level_is_refused() -> None:
    os.environ["RENDERFLEET_LOG_LEVEL"] = "loud"
    assert "RENDERFLEET_LOG_LEVEL" in refusal(LogSettings)


def test_the_sandbox_is_switched_with_on_and_off() -> None:
    os.environ["RENDERFLEET_CHROMIUM_SANDBOX"] = "off"
    assert load_settings(BrowserSettings).chromium_sandbox is False


@pytest.mark.parametrize(
    ("entry", "network", "port"),
    [
        ("127.0.0.1", "127.0.0.1/32", None),
        ("127.0.0.1:8099", "127.0.0.1/32", 8099),
        ("10.1.0.0/16", "10.1.0.0/16", None),
        ("[fd00::1]:80", "fd00::1/128", 80),
        ("fd00::/8", "fd00::/8", None),
    ],
)
def test_egress_allow_takes_addresses_and_networks_with_and_without_port(
    entry: str, network: str, port: int | None
) -> None:
    found, number = split_network(entry)
    assert (str(found), number) == (network, port)


@pytest.mark.parametrize(
    "entry", ["localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "10.1.0.0/33", "[::1"]
)
def test_egress_allow_refuses_what_it_does_not_understand(entry: str) -> None:
    os.environ["RENDERFLEET_EGRESS_ALLOW"] = f"10.0.0.0/8,{entry}"
    assert "RENDERFLEET_EGRESS_ALLOW is wrong" in refusal(EgressSettings)


def test_the_health_commands_look_where_the_settings_say_by_default() -> None:
    assert str(DataSettings.model_fields["data_dir"].default) == worker_health.DEFAULT_DATA_DIR
    fields = ApiSettings.model_fields
    assert (api_health.DEFAULT_HOST, int(api_health.DEFAULT_PORT)) == (
        fields["api_host"].default,
        fields["api_port"].default,
    )


def test_every_setting_is_a_known_name() -> None:
    names = {name.upper() for found in settings_classes() for name in found.model_fields}
    assert names == setting_names.NAMES
    assert setting_names.unknown(f"{PREFIX}{name}" for name in (*PASSED_ON, *IGNORED, "WORKERS")) == []


def test_a_misspelt_setting_is_named_at_the_start_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.environ |= {"RENDERFLEET_EGRES_ALLOW": "10.0.0.0/8", "RENDERFLEET_TEA": "green"}
    configure_logs(load_settings(LogSettings))
    (line,) = capsys.readouterr().err.splitlines()
    assert "RENDERFLEET_EGRES_ALLOW (did you mean RENDERFLEET_EGRESS_ALLOW?)" in line
    assert "RENDERFLEET_TEA" in line
    assert "10.0.0.0" not in line


def test_no_line_without_a_misspelt_setting(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ |= {"RENDERFLEET_EGRESS_ALLOW": "10.0.0.0/8", "RENDERFLEET_WORKERS": "2"}
    configure_logs(load_settings(LogSettings))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("settings_class", "name", "text"),
    [
        (DatabaseSettings, "DATABASE_URL", "postgresql://user:hunter2#@host:5432/db"),
        (DatabaseSettings, "DATABASE_URL", "postgresql://user:hunter2@host:99999/db"),
        (RedisSettings, "REDIS_URL", "redis://:hunter2@host:port/0"),
        (StorageSettings, "S3_ENDPOINT_URL", "http://host:port"),
        (StorageSettings, "S3_ENDPOINT_URL", "http://my_store:9000"),
        (StorageSettings, "S3_PUBLIC_ENDPOINT_URL", "https://my store"),
    ],
)
def test_an_address_that_does_not_parse_is_refused(settings_class: type, name: str, text: str) -> None:
    os.environ[f"RENDERFLEET_{name}"] = text
    words = refusal(settings_class)
    assert f"RENDERFLEET_{name} is wrong: its " in words
    assert "hunter2" not in words


def test_several_hosts_are_for_the_driver() -> None:
    os.environ["RENDERFLEET_DATABASE_URL"] = "postgresql://user:hunter2@one:5432,two:5433/db"
    load_settings(DatabaseSettings)
