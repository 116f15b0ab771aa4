"""What the page learns of its browser and of its reader."""

from typing import Final

from tests.gallery.entry import Entry
from tests.site.gallery import PASSWORD, TOKEN, USER, WINDOW

_ANDROID: Final = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
    "Mobile Safari/537.36"
)

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
