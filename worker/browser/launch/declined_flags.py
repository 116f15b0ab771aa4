"""Switches and features that Playwright passes to Chromium by default and we do not, with the reasons.

What is passed is in flags.py beside this file, which also says what "measured" means and where the paths are.
"""

from typing import Final

from worker.browser.launch.flags import Flag

DECLINED: Final[tuple[Flag, ...]] = (
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
        "a render never goes back to an earlier document",
        "Measured: five documents in one page left one renderer of the same size, with and without",
    ),
    Flag(
        "--disable-hang-monitor",
        "the monitor tells a person at a window that the page does not react to input",
        "content/browser/renderer_host/render_widget_host_impl.cc",
    ),
    Flag(
        "--disable-ipc-flooding-protection",
        "we want the protection: it stops a page that calls history.pushState() without end",
        "third_party/blink/renderer/core/frame/navigation_rate_limiter.h",
    ),
    Flag(
        "--disable-popup-blocking",
        "new windows are blocked here, not allowed",
        "chrome_switches.cc",
    ),
    Flag(
        "--allow-pre-commit-input",
        "the shell adds it by itself, and a page gets no input before it has loaded",
        "headless/lib/headless_content_main_delegate.cc",
    ),
    Flag("--disable-prompt-on-repost", "nobody reloads a form", "chrome_switches.cc"),
    Flag("--no-default-browser-check", "only shown in a window", "chrome_switches.cc"),
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
        "matters for tests of beforeunload; renders close a page without this event",
        "microsoft/playwright issue 14047",
    ),
    Flag(
        "PaintHolding",
        "--headless turns it off already",
        "content_switch_dependent_feature_overrides.cc",
    ),
    Flag(
        "ThirdPartyStoragePartitioning",
        "frames of other sites should have the same storage as in people's browsers",
        "microsoft/playwright issue 32230",
    ),
    Flag(
        "AvoidCorsURLLoaderRestartOnRedirect",
        "it avoids a fault of request interception, which is not used",
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
