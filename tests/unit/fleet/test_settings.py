import os
from collections.abc import Iterator

import pytest

from api import health as api_health
from api.settings import ApiSettings
from fleet.database import DatabaseSettings
from fleet.egress.networks import split_network
from fleet.egress.settings import EgressSettings
from fleet.settings import DataSettings, SettingsError, load_settings
from fleet.telemetry.logs import LogSettings
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
