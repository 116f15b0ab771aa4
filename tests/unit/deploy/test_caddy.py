"""The example for Caddy fits the limits of the API."""

import re

from api.http.prefer import MAX_WAIT_S
from api.routes.health import router
from api.settings import ApiSettings
from tests.kit.paths import ROOT

TEXT = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
API = {name: field.default for name, field in ApiSettings.model_fields.items()}


def number(pattern: str) -> int:
    (found,) = re.findall(pattern, TEXT)
    return int(found)


def test_the_proxy_waits_longer_than_a_call_and_takes_larger_ones_than_the_api() -> None:
    assert number(r"response_header_timeout (\d+)s") > MAX_WAIT_S
    assert number(r"max_size (\d+)MB") * 10**6 > API["api_max_files_bytes"] + API["api_max_body_bytes"]


def test_what_needs_no_key_is_not_passed_on() -> None:
    (private,) = re.findall(r"@private path (.*)", TEXT)
    assert set(private.split()) == {route.path for route in router.routes}  # type: ignore[attr-defined] # they are routes with paths
    assert "respond @private 404" in TEXT
