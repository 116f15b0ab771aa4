"""All options that one can see in a picture, in the groups of the request."""

from typing import Final

from tests.gallery.entry import Entry
from tests.site.gallery import PASSWORD, TOKEN, USER, WINDOW

# Options of these groups that change no picture, with the reason.
NOT_SHOWN: Final = {
    "navigation_timeout_ms": "limits how long the page is waited for",
    "timeout_ms": "limits how long one attempt takes",
    "evidence": "says what is kept besides the picture",
    "block_trackers": "keeps out requests of which one sees nothing",
    "block_media": "keeps out video and audio, of which the pages here have none",
    "proxy": "says how the page's requests go out",
    "send_traceparent": "is for the target's traces",
}
_ANDROID: Final = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
    "Mobile Safari/537.36"
)
_LATE: Final = "late?by=timer&ms=2500"
_SMALL: Final = {"width": 240, "height": 150}

SCREEN: Final = (
    Entry(
        "device",
        "shop",
        {"device": "iPhone SE"},
        "Window, density, touch and user agent of a telephone.",
        common={"viewport": None},
    ),
    Entry(
        "viewport",
        "shop",
        {"viewport": {"width": 760, "height": 300}},
        "A wider window holds more columns.",
        off={"viewport": WINDOW},
    ),
    Entry(
        "screen",
        "reader?show=screen",
        {"screen": {"width": 1920, "height": 1080}},
        "What the page is told of the screen around its window.",
    ),
    Entry(
        "device_scale_factor",
        "shop",
        {"device_scale_factor": 2},
        "Twice as many pixels a side: text and edges are sharper.",
    ),
    Entry(
        "is_mobile",
        "desktop",
        {"is_mobile": True},
        "A page that says nothing of phones is laid out in 980 CSS pixels and made smaller.",
    ),
    Entry("has_touch", "shop", {"has_touch": True}, "The page makes its buttons larger for fingers."),
)
READER: Final = (
    Entry("user_agent", "reader?show=browser", {"user_agent": _ANDROID}, "The browser that the page sees."),
    Entry("locale", "reader?show=language", {"locale": "de-DE"}, "Date and number in the reader's language."),
    Entry(
        "timezone_id",
        "reader?show=clock",
        {"timezone_id": "Asia/Tokyo"},
        "The same moment on the page's clock.",
        off={"timezone_id": "Europe/Berlin"},
    ),
    Entry(
        "geolocation",
        "reader?show=place",
        {"geolocation": {"latitude": 53.55, "longitude": 9.99}},
        "The page learns where its reader is, without asking.",
    ),
    Entry("color_scheme", "shop", {"color_scheme": "dark"}, "The page has colours for the dark."),
    Entry(
        "reduced_motion",
        "moving",
        {"reduced_motion": "reduce"},
        "The boat stays at the pier for readers who want no motion.",
    ),
    Entry("contrast", "shop", {"contrast": "more"}, "The page has thicker lines for more contrast."),
    Entry(
        "forced_colors",
        "shop",
        {"forced_colors": "active"},
        "The reader's own few colours replace the page's.",
    ),
    Entry("media", "shop", {"media": "print"}, "The style sheets for paper hold."),
    Entry(
        "java_script_enabled",
        "scripted",
        {"java_script_enabled": False},
        "No script runs, and `<noscript>` is shown.",
        off={"java_script_enabled": True},
    ),
    Entry("bypass_csp", "strict", {"bypass_csp": True}, "The page's own policy forbids its script."),
    Entry(
        "ignore_https_errors",
        "shop",
        {"ignore_https_errors": True},
        "The certificate comes from nobody known.",
        is_secure=True,
    ),
)
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
ADDED: Final = (
    Entry(
        "styles",
        "shop",
        {"styles": ["body { background: #fde68a }", "#banner { display: none }"]},
        "Another background, and no banner.",
    ),
    Entry(
        "scripts",
        "shop",
        {"scripts": "document.querySelector('header').firstChild.data = 'Coffee shop '"},
        "A script has changed the name.",
    ),
)
ACTIONS: Final = (
    Entry("click", "shop", {"click": "#banner button"}, "A click has closed the banner."),
    Entry("scroll_into_view", "long", {"scroll_into_view": ".far"}, "July is 3,000 CSS pixels further down."),
    Entry("hover", "shop", {"hover": "nav"}, "The menu opens under the mouse."),
    Entry(
        "actions",
        "form",
        {
            "actions": [
                {"type": {"selector": "#name", "text": "Ada"}},
                {"select": {"selector": "#tea", "value": "Sencha"}},
                {"press": "Enter"},
            ]
        },
        "The form is filled in and sent.",
    ),
)
FULL_PAGE: Final = (
    Entry("full_page", "long", {"full_page": True}, "All that can be scrolled to."),
    Entry(
        "full_page_scroll",
        "long",
        {"full_page_scroll": True},
        "The lower pictures load when one scrolls near them. `true` is the default.",
        off={"full_page_scroll": False},
        common={"full_page": True},
    ),
    Entry(
        "full_page_max_height_px",
        "long",
        {"full_page_max_height_px": 500},
        "The picture ends after 500 CSS pixels.",
        common={"full_page": True},
    ),
)
PICTURE: Final = (
    Entry("selector", "shop", {"selector": "#tea1"}, "One element."),
    Entry(
        "selector_padding_px",
        "shop",
        {"selector_padding_px": 20},
        "And 20 CSS pixels around it.",
        common={"selector": "#tea1"},
    ),
    Entry(
        "clip", "shop", {"clip": {"x": 150, "y": 45, "width": 180, "height": 130}}, "One part of the page."
    ),
    Entry(
        "omit_background",
        "badge",
        {"omit_background": True},
        "Nothing is behind the badge; the squares stand for what is transparent.",
    ),
    Entry(
        "hide_selectors",
        "shop",
        {"hide_selectors": ["#banner", "button"]},
        "Banner and buttons are not drawn; their places stay empty.",
    ),
    Entry(
        "animations",
        "moving",
        {"animations": "disabled"},
        "The boat, which takes a minute, is at the end of its way.",
    ),
    Entry("caret", "form", {"caret": "initial"}, "The text cursor in the first field."),
)
OUTPUT: Final = (
    Entry(
        "format",
        "photo",
        {"format": "jpeg"},
        "Photographs are smaller as jpeg.",
        off={"format": "png"},
        common={"viewport": _SMALL},
        is_kept=True,
    ),
    Entry(
        "quality",
        "photo",
        {"format": "jpeg", "quality": 10},
        "Fewer bytes, and blocks.",
        off={"format": "jpeg"},
        common={"viewport": _SMALL},
        is_kept=True,
    ),
    Entry("optimize", "shop", {"optimize": "size"}, "The same pixels in fewer bytes.", is_kept=True),
    Entry("width_px", "shop", {"width_px": 240}, "The picture is made smaller, in proportion."),
    Entry(
        "height_px",
        "shop",
        {"height_px": 240},
        "With both, the picture has exactly this size.",
        common={"width_px": 240},
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
IDENTITY: Final = (
    Entry("headers", "account", {"headers": {"X-Token": TOKEN}}, "The server knows the token."),
    Entry(
        "basic_auth",
        "account",
        {"basic_auth": {"username": USER, "password": PASSWORD}},
        "The server knows user name and password.",
    ),
    Entry(
        "cookies",
        "account",
        {"cookies": [{"name": "session", "value": TOKEN}]},
        "The server knows the session.",
    ),
    Entry(
        "storage_state",
        "account",
        {
            "storage_state": {
                "cookies": [],
                "origins": [{"origin": "{site}", "localStorage": [{"name": "look", "value": "night"}]}],
            }
        },
        "The page finds in its `localStorage` which look its reader likes.",
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

GROUPS: Final = {
    "Screens and devices": SCREEN,
    "The page's reader": READER,
    "When the page is ready": READINESS,
    "Styles and scripts": ADDED,
    "Actions": ACTIONS,
    "The whole page": FULL_PAGE,
    "Part and look of the picture": PICTURE,
    "Format and size": OUTPUT,
    "Blocking": BLOCKING,
    "Identity": IDENTITY,
    "Failing on purpose": FAILING,
}
ENTRIES: Final = tuple(entry for group in GROUPS.values() for entry in group)
