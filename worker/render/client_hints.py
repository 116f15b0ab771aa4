"""What else a browser says of itself, so that it agrees with a User-Agent header that somebody has chosen.

Sites ask browsers of Chromium's family by client hints (headers Sec-CH-UA…, `navigator.userAgentData`) and by
`navigator.platform`. If these named the real browser, the chosen header would be seen to be false. Safari and
Firefox send no client hints; Chromium sends none either for a header that comes without (measured).

Source of the values: components/embedder_support/user_agent_utils.cc of Chromium, and what Chrome sends.
"""

import re
from typing import Any, Final, TypedDict

_CHROMIUM: Final = re.compile(r"(?:Headless)?Chrome/([0-9]+)((?:\.[0-9]+)*)", re.ASCII)
# A word in the header of each other brand, the brand's name in hints, and how its version is found.
_BRANDS: Final = (
    (re.compile(r"Edg(?:A)?/([0-9]+)([0-9.]*)", re.ASCII), "Microsoft Edge"),
    (re.compile(r"OPR/([0-9]+)([0-9.]*)", re.ASCII), "Opera"),
    (re.compile(r"SamsungBrowser/([0-9]+)([0-9.]*)", re.ASCII), "Samsung Internet"),
    (re.compile(r"HeadlessChrome/([0-9]+)([0-9.]*)", re.ASCII), "HeadlessChrome"),
    (re.compile(r"Chrome/([0-9]+)([0-9.]*)", re.ASCII), "Google Chrome"),
)
# A brand that does not exist, in changing spelling and place, keeps sites from relying on the list's form.
_NO_BRAND_MARKS: Final = (" ", "(", ":", "-", ".", "/", ")", ";", "=", "?", "_")
_NO_BRAND_VERSIONS: Final = ("8", "99", "24")
_ORDERS: Final = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))

# A word in the header of each system, its name in hints, and its `navigator.platform`.
_SYSTEMS: Final = (
    ("Android", "Android", "Linux armv81"),
    ("Windows", "Windows", "Win32"),
    ("iPhone", "iOS", "iPhone"),
    ("iPad", "iOS", "iPad"),
    ("Mac OS X", "macOS", "MacIntel"),
    ("CrOS", "Chrome OS", "Linux x86_64"),
    ("Linux", "Linux", "Linux x86_64"),
)
_SYSTEM_VERSION: Final = re.compile(
    r"(?:Android|Windows NT|Mac OS X|CrOS \w+) ([0-9]+(?:[._][0-9]+)*)", re.ASCII
)
_MODEL: Final = re.compile(r"Android [0-9.]+; ([^;)]+?)(?: Build/[^;)]*)?[;)]", re.ASCII)
# Chrome's word for "not told" in the headers of phones.
_NO_MODEL: Final = "K"


class Brand(TypedDict):
    """One entry of a list of brands."""

    brand: str
    version: str


def of(user_agent: str) -> dict[str, Any]:
    """The parameters of `Emulation.setUserAgentOverride` that belong to this header."""
    found: dict[str, Any] = {}
    system, platform = _system(user_agent)
    if platform:
        found["platform"] = platform
    if chromium := _CHROMIUM.search(user_agent):
        found["userAgentMetadata"] = _metadata(user_agent, system, int(chromium[1]), chromium[2])
    return found


def _system(user_agent: str) -> tuple[str, str]:
    for word, system, platform in _SYSTEMS:
        if word in user_agent:
            return system, platform
    return "", ""


def _metadata(user_agent: str, system: str, major: int, rest: str) -> dict[str, Any]:
    brand, brand_major, brand_rest = _brand(user_agent)
    is_mobile, is_phone_system = "Mobile" in user_agent, system == "Android"
    model = _MODEL.search(user_agent) if is_phone_system else None
    is_arm = any(word in user_agent for word in ("ARM", "aarch64"))
    is_wide = any(word in user_agent for word in ("x64", "x86_64", "aarch64", "Intel Mac"))
    version = _SYSTEM_VERSION.search(user_agent)
    return {
        "brands": _brands(major, str(major), brand, brand_major),
        "fullVersionList": _brands(major, f"{major}{rest}", brand, f"{brand_major}{brand_rest}"),
        "fullVersion": f"{brand_major}{brand_rest}",
        "platform": system,
        "platformVersion": _three_parts(version[1]) if version and system != "Linux" else "",
        "architecture": "" if is_phone_system else "arm" if is_arm else "x86",
        "bitness": "64" if is_wide and not is_phone_system else "",
        "model": model[1] if model and model[1] != _NO_MODEL else "",
        "mobile": is_mobile,
        "wow64": "WOW64" in user_agent,
        "formFactors": ["Mobile" if is_mobile else "Tablet" if is_phone_system else "Desktop"],
    }


def _brand(user_agent: str) -> tuple[str, str, str]:
    for pattern, name in _BRANDS:
        if found := pattern.search(user_agent):
            return name, found[1], found[2]
    raise AssertionError("a header with Chrome's version has at least Chrome's brand")


def _brands(seed: int, chromium: str, brand: str, version: str) -> list[Brand]:
    """Chromium, the brand and one that does not exist, in the order that Chromium gives them."""
    marks = [_NO_BRAND_MARKS[(seed + place) % len(_NO_BRAND_MARKS)] for place in (0, 1)]
    no_version = _NO_BRAND_VERSIONS[seed % len(_NO_BRAND_VERSIONS)]
    if "." in chromium:
        no_version += ".0.0.0"
    given = (
        Brand(brand="Not{}A{}Brand".format(*marks), version=no_version),
        Brand(brand="Chromium", version=chromium),
        Brand(brand=brand, version=version),
    )
    ordered: list[Brand] = list(given)
    for place, entry in zip(_ORDERS[seed % len(_ORDERS)], given, strict=True):
        ordered[place] = entry
    return ordered


def _three_parts(version: str) -> str:
    """`10.15.7` for `10_15_7`, `14.0.0` for `14`."""
    return ".".join([*re.split("[._]", version), "0", "0"][:3])
