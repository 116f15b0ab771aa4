"""Chromium's whole command line: each switch and each feature that is passed, with the reason.

Playwright itself would add 45 switches (playwright-core, chromiumSwitches.ts), which are meant for tests and
for browsers that people watch. It is told to add none of them (`ignore_default_args`). Each of them is either
in a list here or in declined_flags.py beside this file. A test fails if an update of Playwright brings a
switch that is in neither (tests/integration/worker/browser/test_flags.py).

"Measured" means: with the headless shell of Chromium 150 (Debian, Linux). docs/browser.md says how, and what
else was tried. Paths are those of Chromium's sources.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The list of addresses that bypass the proxy. This value empties it: by default, loopback and link-local
# addresses bypass the proxy (net/proxy_resolution/proxy_bypass_rules.h).
EVERYTHING_THROUGH_PROXY: Final = "<-loopback>"


@dataclass(frozen=True, slots=True)
class Flag:
    """One switch of the command line, or one feature.

    Attributes:
        name: a switch as on the command line, with its value; or the name of a feature.
        reason: why it is passed, or why not.
        evidence: what was measured, or where Chromium's sources say so.
    """

    name: str
    reason: str
    evidence: str

    @property
    def switch(self) -> str:
        """The name without dashes and value."""
        return self.name.removeprefix("--").partition("=")[0]


# Switches that `command_line` adds itself, because they depend on the launch. A test checks this list.
PER_LAUNCH: Final[tuple[Flag, ...]] = (
    Flag(
        "--user-data-dir",
        "the browser's own folder, which is removed when it has ended",
        "worker/browser/launch/scratch.py",
    ),
    Flag(
        "--remote-debugging-port",
        "renders talk to Chromium through it",
        "docs/adr/0004: a command passes through one process less, and is encoded once less",
    ),
    Flag(
        "--proxy-server",
        "requests that no page makes go to a port that refuses everything; each page has its own port",
        "worker/egress/proxy.py, worker/browser/page.py; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--disable-dev-shm-usage",
        (
            "only where /dev/shm has less than 1 GiB (Docker gives 64 MB) or the container less than 2 GiB: "
            "pictures need shared memory, and this switch puts it into TMPDIR"
        ),
        (
            "base/files/file_util_posix.cc. Measured: one picture of 2560 x 24000 pixels takes 235 MB. On a "
            "disk photos cost 15 and 18% more CPU than in /dev/shm (two runs), other pages 3 to 11%"
        ),
    ),
    Flag(
        "--no-sandbox",
        "only when CHROMIUM_SANDBOX is off",
        "sandbox/policy/switches.cc",
    ),
)

FLAGS: Final[tuple[Flag, ...]] = (
    Flag(
        "--headless",
        "full Chromium would open windows; with it, both kinds paint a document without delay",
        (
            "content/public/common/content_switch_dependent_feature_overrides.cc: turns PaintHolding off. "
            "The shell adds the switch by itself when it is missing"
        ),
    ),
    Flag(
        "--remote-debugging-pipe",
        "Playwright's connection; it also ends the browser when Playwright's driver process has ended",
        "content/browser/devtools/devtools_pipe_handler.cc; tests/fault/worker/pool/test_browser_faults.py",
    ),
    Flag(
        f"--proxy-bypass-list={EVERYTHING_THROUGH_PROXY}",
        "no address bypasses the proxy; by default, loopback and link-local addresses do",
        "net/proxy_resolution/proxy_bypass_rules.h; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        (
            "Chromium can resolve no name and reach only its proxy's address: a request that bypasses the "
            "proxy in spite of the other switches fails here"
        ),
        "net/base/host_mapping_rules.cc; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        (
            "STUN and TURN over UDP cannot use a proxy, so this turns them off. The similar switch "
            "`--webrtc-ip-handling-policy` has no effect in the shell"
        ),
        (
            "content/public/common/content_switches.cc; tests/security/worker/test_walls.py. "
            "Measured: 2 of 56 channels bypassed the proxy without it, none with it"
        ),
    ),
    Flag(
        "--block-new-web-contents",
        "window.open() returns null and links open no second page, which nobody would capture",
        (
            "headless/public/switches.h; tests/integration/worker/render/test_render.py. Full Chromium does "
            "not know it"
        ),
    ),
    Flag(
        "--incognito",
        "the default profile, which no render uses, is not written to disk",
        (
            "headless/public/switches.h. Measured: 1 file instead of 26 in the profile, 4 KB instead of 190; "
            "0.7 MB less in the browser process. Pages could not write to the profile without it either"
        ),
    ),
    Flag(
        "--disable-crash-reporter",
        "Google's builds start a crash reporter, which stores and sends dumps of pages that crash",
        (
            "headless/app/headless_shell.cc. Measured with the reporter on: two crashes left dumps of 80 and "
            "160 KB in the temporary folder, with this switch none; --disable-breakpad did not prevent it"
        ),
    ),
    Flag(
        "--disable-field-trial-config",
        "unofficial builds turn on the features with which Chromium experiments at the moment",
        "testing/variations/README.md. Measured with Debian's build, which is official: no difference",
    ),
    Flag(
        "--hide-scrollbars",
        "scrollbars are not part of a page, and their width changes its layout",
        "Measured: 5 of 6 pictures of the test site differ without it",
    ),
    Flag(
        "--force-color-profile=srgb",
        "colours must not depend on the screen of the machine that renders",
        (
            "ui/gfx/switches.cc. Measured: on Linux the pictures are the same without it, because the shell "
            "has no screen. It is for macOS"
        ),
    ),
    Flag(
        "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
        "pages should look as they do for a person with a mouse, not as on a touch screen",
        (
            "ui/base/pointer/pointer_device.h. Measured: without it the media queries (hover: hover) and "
            "(pointer: fine) do not match"
        ),
    ),
    Flag(
        "--mute-audio",
        "a worker on a laptop must not play the sound of pages",
        "media/base/media_switches.cc. Where there is no sound card it changes nothing (measured)",
    ),
)

# Features in --disable-features of every Chromium.
DISABLED_FEATURES: Final[tuple[Flag, ...]] = (
    Flag(
        "WebRtcHideLocalIpsWithMdns",
        (
            "when the feature is on, Chromium looks up names such as x.local (from ICE candidates) by "
            "multicast, which bypasses the proxy. The feature hides local addresses from pages; this is not "
            "needed, because pages get no candidates"
        ),
        (
            "third_party/blink/public/common/features.cc. Measured in a network namespace: one mDNS question "
            "and IGMP reports with the feature, no packet without it; tests/security/worker/test_multicast.py"
        ),
    ),
)

# Passed only to full Chromium, which runs where there is no headless shell. Not measured: the reasons are
# those in the comments of Chromium's sources (chrome_switches.cc is chrome/common/chrome_switches.cc).
FULL_CHROMIUM_FLAGS: Final[tuple[Flag, ...]] = (
    Flag(
        "--no-startup-window",
        "only pages of renders are open",
        "Playwright waits for the browser itself, not for a window",
    ),
    Flag("--no-first-run", "no welcome page, no import of other browsers' data", "chrome_switches.cc"),
    Flag(
        "--disable-background-networking",
        "several parts of Chromium call their maker's servers in the background",
        "chrome_switches.cc. The shell has none of them: its network log of 60 idle seconds has no host",
    ),
    Flag(
        "--disable-component-update",
        "no downloads of components into a profile that lives for an hour",
        "chrome_switches.cc",
    ),
    Flag(
        "--disable-sync",
        "no calls to Google's account servers",
        "components/sync/base/command_line_switches.h",
    ),
    Flag("--disable-default-apps", "no apps installed into each new profile", "chrome_switches.cc"),
    Flag(
        "--disable-extensions",
        "extensions could read and change pages, and need processes",
        "extensions/common/switches.cc",
    ),
    Flag(
        "--disable-component-extensions-with-background-pages",
        "the built-in extensions have processes too",
        "chrome_switches.cc",
    ),
    Flag("--metrics-recording-only", "metrics are not sent", "components/metrics/metrics_switches.cc"),
    Flag("--disable-breakpad", "as --disable-crash-reporter for the shell", "content_switches.cc"),
    Flag(
        "--password-store=basic",
        "the desktop's keyring may wait for a person",
        "components/os_crypt. The shell uses no keyring: all its contexts are incognito",
    ),
    Flag("--use-mock-keychain", "the same for the keychain of macOS", "components/os_crypt"),
    Flag(
        "--enable-unsafe-swiftshader",
        "WebGL without a graphics card: maps and charts stay empty without it",
        "ui/gl/gl_switches.cc. The shell draws WebGL in software anyway (measured)",
    ),
)

# Features in --enable-features, and more features in --disable-features, of full Chromium only.
FULL_CHROMIUM_ENABLED_FEATURES: Final[tuple[Flag, ...]] = (
    Flag(
        "SkipListAccountsWithoutGaiaCookies",
        "no call to accounts.google.com at each start",
        "microsoft/playwright issue 42910",
    ),
)
FULL_CHROMIUM_DISABLED_FEATURES: Final[tuple[Flag, ...]] = (
    Flag(
        "DestroyProfileOnBrowserClose",
        "contexts belong to the default profile, which would be destroyed with its last window",
        "chrome/browser/browser_features.cc",
    ),
    Flag("OptimizationHints", "no download of hints at each start", "components/optimization_guide"),
    Flag("NetworkTimeServiceQuerying", "no call to clients2.google.com", "components/network_time"),
    Flag("AimEnabled", "no call to www.google.com", "microsoft/playwright, chromiumSwitches.ts"),
    Flag("PreconnectToSearch", "no connection to the search engine", "microsoft/playwright issue 42910"),
    Flag("MediaRouter", "no search of the local network for screens", "microsoft/playwright pull 8162"),
    Flag(
        "HttpsUpgrades",
        "an http address must not become https",
        "microsoft/playwright issue 43871",
    ),
    Flag("HttpsFirstBalancedModeAutoEnable", "as HttpsUpgrades", "microsoft/playwright issue 43871"),
)


def command_line(
    executable: Path | None, *, profile: Path, port: int, proxy_port: int, sandbox: bool, dev_shm: bool
) -> list[str]:
    """The arguments that Chromium is started with.

    Args:
        executable: the program; None means Playwright's own headless shell.
        profile: the absolute path of an empty folder that only this browser uses.
        port: of the DevTools server, on loopback.
        proxy_port: of the proxy for requests that no page makes, on loopback.
        sandbox: whether Chromium's own sandbox is on.
        dev_shm: whether shared memory is in /dev/shm; otherwise it is in TMPDIR.
    """
    line = [flag.name for flag in FLAGS]
    disabled = DISABLED_FEATURES
    if not is_headless_shell(executable):
        line += [flag.name for flag in FULL_CHROMIUM_FLAGS]
        line.append(f"--enable-features={_joined(FULL_CHROMIUM_ENABLED_FEATURES)}")
        disabled += FULL_CHROMIUM_DISABLED_FEATURES
    line.append(f"--disable-features={_joined(disabled)}")
    if not dev_shm:
        line.append("--disable-dev-shm-usage")
    if not sandbox:
        line.append("--no-sandbox")
    return [
        *line,
        f"--proxy-server=http://127.0.0.1:{proxy_port}",
        f"--user-data-dir={profile}",
        f"--remote-debugging-port={port}",
    ]


def is_headless_shell(executable: Path | None) -> bool:
    """Whether a program is Chromium's headless shell, by its name: chrome-headless-shell, headless_shell.

    A shell with another name gets the switches of full Chromium too, and ignores them.
    """
    return executable is None or "headless" in executable.name


def _joined(features: tuple[Flag, ...]) -> str:
    return ",".join(feature.name for feature in features)
