"""Client hints that agree with a User-Agent header. The expected values are what these browsers send."""

from typing import Any

import pytest

from worker.render import client_hints

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/15.0 Mobile/15E148 Safari/604.1"
)
DESKTOP = ("x86", "64", "", False, "Desktop")
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.6099.109 Safari/537.36"


def hints(user_agent: str) -> dict[str, Any]:
    found: dict[str, Any] = client_hints.of(user_agent)["userAgentMetadata"]
    return found


def brands(user_agent: str) -> list[str]:
    return [f"{entry['brand']} {entry['version']}" for entry in hints(user_agent)["brands"]]


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (WINDOWS, ["Not_A Brand 8", "Chromium 120", "Google Chrome 120"]),
        (f"{WINDOWS} Edg/120.0.2210.77", ["Not_A Brand 8", "Chromium 120", "Microsoft Edge 120"]),
        (
            WINDOWS.replace("Chrome/120.0.6099.109", "Chrome/124.0.0.0"),
            ["Chromium 124", "Google Chrome 124", "Not-A.Brand 99"],
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/150.0.7871.100 Safari/537.36",
            ["Not;A=Brand 8", "Chromium 150", "HeadlessChrome 150"],
        ),
        (f"{WINDOWS.replace('120', '119')} OPR/105.0.0.0", ["Opera 105", "Chromium 119", "Not?A_Brand 24"]),
    ],
)
def test_the_brands_are_those_of_the_header(user_agent: str, expected: list[str]) -> None:
    assert brands(user_agent) == expected


@pytest.mark.parametrize(
    ("system", "expected", "platform"),
    [
        ("Windows NT 10.0; Win64; x64", ("Windows", "10.0.0", *DESKTOP), "Win32"),
        (
            "Macintosh; Intel Mac OS X 10_15_7",
            ("macOS", "10.15.7", *DESKTOP),
            "MacIntel",
        ),
        ("X11; Linux x86_64", ("Linux", "", *DESKTOP), "Linux x86_64"),
        (
            "X11; CrOS x86_64 14541.0.0",
            ("Chrome OS", "14541.0.0", *DESKTOP),
            "Linux x86_64",
        ),
        (
            "Linux; Android 14; Pixel 7",
            ("Android", "14.0.0", "", "", "Pixel 7", True, "Mobile"),
            "Linux armv81",
        ),
        (
            "Linux; Android 8.1.0; SM-T837A Build/M1AJQ",
            ("Android", "8.1.0", "", "", "SM-T837A", False, "Tablet"),
            "Linux armv81",
        ),
        ("Linux; Android 10; K", ("Android", "10.0.0", "", "", "", True, "Mobile"), "Linux armv81"),
    ],
)
def test_the_system_is_that_of_the_header(system: str, expected: tuple[Any, ...], platform: str) -> None:
    mobile = "Mobile " if expected[5] else ""
    user_agent = f"Mozilla/5.0 ({system}) {WEBKIT} Chrome/120.0.0.0 {mobile}Safari/537.36"
    found = hints(user_agent)
    names = ("platform", "platformVersion", "architecture", "bitness", "model", "mobile")
    assert (*(found[name] for name in names), found["formFactors"][0]) == expected
    assert client_hints.of(user_agent)["platform"] == platform


def test_the_full_versions_are_those_of_the_header() -> None:
    found = hints(f"{WINDOWS} Edg/120.0.2210.77")
    full = {entry["brand"]: entry["version"] for entry in found["fullVersionList"]}
    assert full == {
        "Not_A Brand": "8.0.0.0",
        "Chromium": "120.0.6099.109",
        "Microsoft Edge": "120.0.2210.77",
    }
    assert found["fullVersion"] == "120.0.2210.77"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [(FIREFOX, {"platform": "Linux x86_64"}), (SAFARI, {"platform": "iPhone"}), ("curl/8.5.0", {})],
)
def test_browsers_of_other_families_have_no_hints(user_agent: str, expected: dict[str, str]) -> None:
    assert client_hints.of(user_agent) == expected
