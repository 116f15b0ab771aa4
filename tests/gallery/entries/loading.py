"""When the page is ready, what is kept out of it, and what makes a render fail."""

from typing import Final

from tests.gallery.entry import Entry

_LATE: Final = "late?by=timer&ms=2500"

READINESS: Final = (
    Entry(
        "wait_until",
        "late?ms=700",
        {"wait_until": "auto"},
        "The chart comes 0.7 s after the load event. `auto` is the default.",
        off={"wait_until": "load"},
    ),
    Entry(
        "wait_for_selector",
        _LATE,
        {"wait_for_selector": ".bar"},
        "The chart is drawn by a timer of 2.5 s, which `auto` does not wait for.",
    ),
    Entry(
        "wait_for_function",
        _LATE,
        {"wait_for_function": "globalThis.isDrawn"},
        "The same page, and a variable of its own.",
    ),
    Entry(
        "wait_for_fonts",
        "font",
        {"wait_for_fonts": True},
        "The font comes 1.5 s after the load event; until then its text is not drawn. `true` is the default.",
        off={"wait_for_fonts": False},
        common={"wait_until": "load"},
    ),
    Entry(
        "delay_ms", _LATE, {"delay_ms": 3000}, "The same chart, and a pause that is longer than its timer."
    ),
    Entry(
        "best_attempt",
        "hanging",
        {"best_attempt": True},
        "One picture never comes.",
        common={"navigation_timeout_ms": 2000},
    ),
)
BLOCKING: Final = (
    Entry("block_ads", "sponsored", {"block_ads": True}, "The place of the advertisement is hidden."),
    Entry("block_resources", "photo", {"block_resources": ["image"]}, "Pictures are not loaded."),
    Entry(
        "block_requests",
        "advert",
        {"block_requests": ["ads.site.test"]},
        "The advertisement's host is not reached.",
    ),
    Entry(
        "allow_requests",
        "advert",
        {"allow_requests": ["ads.site.test"]},
        "What is allowed is refused by nothing else.",
        common={"block_requests": ["ads.site.test"]},
    ),
    Entry(
        "block_cookie_banners",
        "consent",
        {"block_cookie_banners": True},
        "The banner is refused, and goes.",
    ),
    Entry(
        "block_popups",
        "popups",
        {"block_popups": True},
        "The newsletter overlay and the chat bubble are hidden.",
    ),
)
FAILING: Final = (
    Entry("fail_on_status", "account", {"fail_on_status": ["4xx"]}, "The page's status is 401."),
    Entry(
        "fail_if_content_contains",
        "broken",
        {"fail_if_content_contains": ["Access denied"]},
        "The page has this text.",
    ),
    Entry(
        "fail_if_content_missing",
        "broken",
        {"fail_if_content_missing": ["Total"]},
        "The page lacks this text.",
    ),
    Entry(
        "fail_on_console_error",
        "broken",
        {"fail_on_console_error": True},
        "A script of the page has an error.",
    ),
    Entry(
        "fail_on_failed_request",
        "broken",
        {"fail_on_failed_request": True},
        "A picture of the page is not there.",
    ),
    Entry(
        "fail_on_verdict",
        "account",
        {"fail_on_verdict": True},
        "The page asks its visitor to log in, with the status 401.",
    ),
)
