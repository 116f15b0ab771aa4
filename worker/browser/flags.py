"""Chromium's command line, all of it: each switch and each feature with its reason and what it does.

Playwright has 45 switches of its own (playwright-core, chromiumSwitches.ts), for browsers that people watch
and tests drive. It is told to add none of them (`ignore_default_args`), and each was judged: it is either in
a list of what is passed, or in PLAYWRIGHT_ONLY with the reason why not. So an update of Playwright that adds
a switch is noticed (tests/integration/worker/browser/test_flags.py), and changes nothing before somebody has
looked.

"Measured" means Chromium 150's headless shell (Debian, Linux); docs/browser.md says how, and what else was
tried. Paths are those of Chromium's sources.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# What goes past the proxy: nothing. By itself Chromium sends loopback and link-local addresses past it
# (net/proxy_resolution/proxy_bypass_rules.h).
EVERYTHING_THROUGH_PROXY: Final = "<-loopback>"


@dataclass(frozen=True, slots=True)
class Flag:
    """One switch of the command line, or one feature.

    Attributes:
        name: as it stands on the command line, value included; of a feature, its name alone.
        reason: why it is passed, or why it is not.
        evidence: what was measured, or where Chromium's sources say so.
    """

    name: str
    reason: str
    evidence: str

    @property
    def switch(self) -> str:
        """The name without dashes and value."""
        return self.name.removeprefix("--").partition("=")[0]


# What each launch passes beside the lists, with a value of its own. A test holds this to the truth.
PER_LAUNCH: Final[tuple[Flag, ...]] = (
    Flag(
        "--user-data-dir",
        "the browser's own folder, which is removed when it has ended",
        "worker/browser/scratch.py",
    ),
    Flag(
        "--remote-debugging-port",
        "renders talk to Chromium through it",
        "docs/adr/0004: a process hop and an encoding less for every command",
    ),
    Flag(
        "--proxy-server",
        "whatever belongs to no page goes to a port that lets nothing through; each page has its own port",
        "worker/egress/proxy.py, worker/browser/page.py; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--disable-dev-shm-usage",
        (
            "only where /dev/shm has less than 1 GiB (Docker gives 64 MB) or the container less than 2 GiB: "
            "pictures pass through shared memory, which then lies in TMPDIR"
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
        "full Chromium would open windows; both kinds paint each document as soon as it is there",
        (
            "content/public/common/content_switch_dependent_feature_overrides.cc: turns PaintHolding off. "
            "The shell adds the switch by itself when it is missing"
        ),
    ),
    Flag(
        "--remote-debugging-pipe",
        "Playwright's connection, which also ends the browser when the driver is no more",
        "content/browser/devtools/devtools_pipe_handler.cc; tests/fault/worker/pool/test_browser_faults.py",
    ),
    Flag(
        f"--proxy-bypass-list={EVERYTHING_THROUGH_PROXY}",
        "nothing goes past the proxy: by itself Chromium sends loopback and link-local addresses past it",
        "net/proxy_resolution/proxy_bypass_rules.h; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        (
            "the browser itself finds no address but that of its proxy: where something goes past the proxy "
            "all the same, it ends here"
        ),
        "net/base/host_mapping_rules.cc; tests/security/worker/test_walls.py",
    ),
    Flag(
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "STUN and TURN over UDP know no proxy; without `force` the switch does nothing in the shell",
        (
            "content/public/common/content_switches.cc; tests/security/worker/test_walls.py. "
            "Measured: 2 of 56 channels went past the proxy without it, none with it"
        ),
    ),
    Flag(
        "--block-new-web-contents",
        "window.open() gives null and a link opens no second page: nothing runs that nobody captures",
        (
            "headless/public/switches.h; tests/integration/worker/render/test_render.py. Full Chromium does "
            "not know it"
        ),
    ),
    Flag(
        "--incognito",
        "nothing of the default profile, which no render uses, is written to disk",
        (
            "headless/public/switches.h. Measured: 1 file instead of 26 in the profile, 4 KB instead of 190; "
            "0.7 MB less in the browser process; pages could write nothing to it either way"
        ),
    ),
    Flag(
        "--disable-crash-reporter",
        "builds with Google's brand start one, which writes dumps and sends them; a page can crash at will",
        (
            "headless/app/headless_shell.cc. Measured with the reporter on: two crashes left dumps of 80 and "
            "160 KB in the temporary folder, with this switch none; --disable-breakpad did not prevent it"
        ),
    ),
    Flag(
        "--disable-field-trial-config",
        "builds that are not official turn on whatever Chromium is trying at the moment",
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
            "ui/gfx/switches.cc. Measured: the shell on Linux has no screen to ask, its pictures are the "
            "same; for macOS"
        ),
    ),
    Flag(
        "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
        "pages shall look as for somebody with a mouse; without one they may choose their layout for touch",
        (
            "ui/base/pointer/pointer_device.h. Measured: without it the media queries (hover: hover) and "
            "(pointer: fine) do not match"
        ),
    ),
    Flag(
        "--mute-audio",
        "a worker on somebody's laptop must not play what a page plays",
        "media/base/media_switches.cc. Where there is no sound card it changes nothing (measured)",
    ),
)

# --disable-features of every Chromium, one by one.
DISABLED_FEATURES: Final[tuple[Flag, ...]] = (
    Flag(
        "WebRtcHideLocalIpsWithMdns",
        (
            "an ICE candidate that names x.local made Chromium ask for it by multicast, past the proxy. "
            "What the feature is for, hiding local addresses, is not needed: pages get no candidate at all"
        ),
        (
            "third_party/blink/public/common/features.cc. Measured in a network namespace: one mDNS question "
            "and IGMP reports with the feature, no packet without it; tests/security/worker/test_multicast.py"
        ),
    ),
)

# Read by full Chromium alone, which runs where there is no headless shell; passed to no shell. Not measured:
# the reasons are those that the sources give beside each switch (chrome/common/chrome_switches.cc unless
# something else is said).
FULL_CHROMIUM_FLAGS: Final[tuple[Flag, ...]] = (
    Flag(
        "--no-startup-window",
        "no page is open that no render asked for",
        "Playwright waits for the browser itself, not for a window",
    ),
    Flag("--no-first-run", "no welcome page, no import of other browsers' data", "chrome_switches.cc"),
    Flag(
        "--disable-background-networking",
        "no calls home: several subsystems ask servers in the background",
        "chrome_switches.cc; the shell has none of them: in 60 idle seconds its network log named no host",
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
        "no extension reads or changes a page, and none has a process",
        "extensions/common/switches.cc",
    ),
    Flag(
        "--disable-component-extensions-with-background-pages",
        "the built-in extensions have processes too",
        "chrome_switches.cc",
    ),
    Flag("--metrics-recording-only", "metrics are not sent", "components/metrics/metrics_switches.cc"),
    Flag("--disable-breakpad", "what --disable-crash-reporter is to the shell", "content_switches.cc"),
    Flag(
        "--password-store=basic",
        "never asks the desktop's keyring, which may wait for a person",
        "components/os_crypt. The shell asks for none: all its contexts are incognito",
    ),
    Flag("--use-mock-keychain", "the same on macOS", "components/os_crypt"),
    Flag(
        "--enable-unsafe-swiftshader",
        "WebGL without a graphics card: maps and charts stay empty without it",
        "ui/gl/gl_switches.cc. The shell draws WebGL in software anyway (measured)",
    ),
)

# --enable-features and further --disable-features of full Chromium, one by one; the shell needs none.
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
        "contexts belong to the default profile and would go with its last window",
        "chrome/browser/browser_features.cc",
    ),
    Flag("OptimizationHints", "no download of hints at each start", "components/optimization_guide"),
    Flag("NetworkTimeServiceQuerying", "no call to clients2.google.com", "components/network_time"),
    Flag("AimEnabled", "no call to www.google.com", "microsoft/playwright, chromiumSwitches.ts"),
    Flag("PreconnectToSearch", "no connection to the search engine", "microsoft/playwright issue 42910"),
    Flag("MediaRouter", "no search of the local network for screens", "microsoft/playwright pull 8162"),
    Flag(
        "HttpsUpgrades", "an http address is rendered as it was asked for", "microsoft/playwright issue 43871"
    ),
    Flag("HttpsFirstBalancedModeAutoEnable", "the same", "microsoft/playwright issue 43871"),
)

# What Playwright passes by default and we do not.
PLAYWRIGHT_ONLY: Final[tuple[Flag, ...]] = (
    Flag(
        "--disable-background-timer-throttling",
        "all pages are visible here, and only hidden ones are throttled",
        "Measured: four pages at once ran their timers 49 times a second each, with and without",
    ),
    Flag(
        "--disable-backgrounding-occluded-windows",
        "headless windows do not hide each other",
        "Measured: document.visibilityState is visible in four pages at once",
    ),
    Flag(
        "--disable-renderer-backgrounding",
        "only renderers of hidden pages get less priority",
        "Measured: nice 0 and oom_score_adj 300 for each, with and without",
    ),
    Flag(
        "--disable-back-forward-cache",
        "a render goes forward only, and its pages go with it",
        "Measured: five documents in one page left one renderer of the same size, with and without",
    ),
    Flag(
        "--disable-hang-monitor",
        "it tells a window that input is not answered, and there is nobody to tell",
        "content/browser/renderer_host/render_widget_host_impl.cc",
    ),
    Flag(
        "--disable-ipc-flooding-protection",
        "the protection is wanted: a page that calls history.pushState() for ever is stopped, as for people",
        "third_party/blink/renderer/core/frame/navigation_rate_limiter.h",
    ),
    Flag(
        "--disable-popup-blocking",
        "new windows are blocked here, not allowed",
        "chrome_switches.cc",
    ),
    Flag(
        "--allow-pre-commit-input",
        "the shell adds it by itself, and nothing clicks before the page is there",
        "headless/lib/headless_content_main_delegate.cc",
    ),
    Flag("--disable-prompt-on-repost", "nobody reloads a form", "chrome_switches.cc"),
    Flag("--no-default-browser-check", "only said in a window", "chrome_switches.cc"),
    Flag("--disable-search-engine-choice-screen", "only shown in a window", "chrome_switches.cc"),
    Flag("--disable-infobars", "only shown in a window", "chrome_switches.cc"),
    Flag(
        "--unsafely-disable-devtools-self-xss-warnings",
        "only shown to a person who types into DevTools",
        "chrome_switches.cc",
    ),
    Flag("--no-service-autorun", "of another program", "chrome_switches.cc: ChromeOS and Windows"),
    Flag("--disable-stack-profiler", "of another program", "chrome_switches.cc: Chrome for Testing, Windows"),
    Flag("--disable-edgeupdater", "of another browser", "Microsoft Edge"),
    Flag("--disable-updater-scheduler", "of another browser", "Microsoft Edge"),
    Flag("--edge-skip-compat-layer-relaunch", "of another browser", "Microsoft Edge"),
    Flag("--do-not-de-elevate", "of another system", "chrome_switches.cc: Windows"),
    Flag(
        "AvoidUnnecessaryBeforeUnloadCheckSync",
        "matters to tests of beforeunload; a render's page is closed without asking it",
        "microsoft/playwright issue 14047",
    ),
    Flag(
        "PaintHolding",
        "--headless turns it off already",
        "content_switch_dependent_feature_overrides.cc",
    ),
    Flag(
        "ThirdPartyStoragePartitioning",
        "frames of others shall have storage as in the browsers that people use",
        "microsoft/playwright issue 32230",
    ),
    Flag(
        "AvoidCorsURLLoaderRestartOnRedirect",
        "a flaw of request interception, which is not used",
        "microsoft/playwright issue 43242",
    ),
    Flag(
        "CDPScreenshotNewSurface",
        "it makes Chromium refuse screenshots right after a load, because there is no frame yet",
        "Measured: 17 of 112 captures were refused (one 39 times) with it, none without; CPU is the same",
    ),
    Flag("LensOverlay", "only shown in a window", "microsoft/playwright, chromiumSwitches.ts"),
    Flag("TcpPortRandomizationWin", "of another system", "microsoft/playwright, chromiumSwitches.ts"),
    Flag("msForceBrowserSignIn", "of another browser", "Microsoft Edge"),
    Flag("msEdgeUpdateLaunchServicesPreferredVersion", "of another browser", "Microsoft Edge"),
)


def command_line(
    executable: Path | None, *, profile: Path, port: int, proxy_port: int, sandbox: bool, dev_shm: bool
) -> list[str]:
    """All that Chromium is started with.

    Args:
        executable: the program; None means Playwright's own headless shell.
        profile: an empty folder of this browser's own, as an absolute path.
        port: of the DevTools server, on loopback.
        proxy_port: on loopback, of the proxy for whatever belongs to no page.
        sandbox: whether Chromium's own sandbox is on.
        dev_shm: whether shared memory goes to /dev/shm.
    """
    line = [flag.name for flag in FLAGS]
    disabled = DISABLED_FEATURES
    if not is_headless_shell(executable):
        line += [flag.name for flag in FULL_CHROMIUM_FLAGS]
        line.append(f"--enable-features={_list(FULL_CHROMIUM_ENABLED_FEATURES)}")
        disabled += FULL_CHROMIUM_DISABLED_FEATURES
    line.append(f"--disable-features={_list(disabled)}")
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
    """Whether a program is the small one, by its name: chrome-headless-shell, headless_shell.

    A shell that is called otherwise gets the switches of full Chromium too, and ignores them.
    """
    return executable is None or "headless" in executable.name


def _list(features: tuple[Flag, ...]) -> str:
    return ",".join(feature.name for feature in features)
