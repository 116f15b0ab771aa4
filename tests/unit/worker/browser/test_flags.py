"""Each flag of Chromium stands in one list, with its reason, and on the page that lists them."""

import re
from pathlib import Path

import pytest

from tests.kit.paths import ROOT
from worker.browser.launch import declined_flags, flags
from worker.browser.launch.flags import Flag, command_line

PAGE = ROOT / "docs" / "browser.md"
SHELL = Path("/opt/chrome-headless-shell")
FULL = Path("/usr/bin/chromium")
EVERY_FLAG = [
    flag
    for module in (flags, declined_flags)
    for value in vars(module).values()
    if isinstance(value, tuple)
    for flag in value
]


def line(executable: Path | None, *, sandbox: bool = True, dev_shm: bool = True) -> list[str]:
    return command_line(
        executable,
        profile=Path("/profile"),
        port=29_201,
        proxy_port=40_000,
        sandbox=sandbox,
        dev_shm=dev_shm,
    )


def test_nothing_is_listed_twice() -> None:
    assert len({flag.switch for flag in EVERY_FLAG}) == len(EVERY_FLAG)


@pytest.mark.parametrize("flag", EVERY_FLAG, ids=lambda flag: flag.switch)
def test_page_says_the_same_of_each_flag(flag: Flag) -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert (flag.name, flag.reason, flag.evidence) in rows


def test_page_has_no_flag_of_its_own() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|.*\|.*\|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [flag.name for flag in EVERY_FLAG]


@pytest.mark.parametrize("executable", [None, SHELL, FULL])
def test_every_program_gets_the_rules_that_keep_pages_in(executable: Path | None) -> None:
    assert {
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--proxy-server=http://127.0.0.1:40000",
        "--proxy-bypass-list=<-loopback>",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--block-new-web-contents",
        "--user-data-dir=/profile",
        "--remote-debugging-port=29201",
    } <= set(line(executable))


@pytest.mark.parametrize("executable", [None, SHELL, Path("/usr/lib/chromium/headless_shell")])
def test_shells_get_nothing_that_only_full_chromium_reads(executable: Path | None) -> None:
    features = [word for word in line(executable) if "features" in word]
    assert features == [f"--disable-features={','.join(flag.name for flag in flags.DISABLED_FEATURES)}"]
    assert not [word for word in line(executable) if "sync" in word]


def test_full_chromium_calls_nobody() -> None:
    words = line(FULL)
    assert "--disable-background-networking" in words
    (disabled,) = (word for word in words if word.startswith("--disable-features="))
    assert {"OptimizationHints", "MediaRouter"} <= set(disabled.partition("=")[2].split(","))


@pytest.mark.parametrize("executable", [SHELL, FULL])
def test_sandbox_is_off_only_when_it_is_said(executable: Path) -> None:
    assert "--no-sandbox" not in line(executable)
    assert "--no-sandbox" in line(executable, sandbox=False)


@pytest.mark.parametrize("executable", [SHELL, FULL])
def test_small_shared_memory_is_left_alone(executable: Path) -> None:
    assert "--disable-dev-shm-usage" not in line(executable)
    assert "--disable-dev-shm-usage" in line(executable, dev_shm=False)
