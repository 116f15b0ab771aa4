"""What the worker's child processes inherit of its environment: nothing that is secret.

The worker's own variables hold the way to Postgres, Redis and S3 and the keys of what tenants gave as secret.
Chromium, in which the pages of strangers run, gets a few named ones; Playwright's driver all but ours.
"""

from collections.abc import Mapping
from typing import Final

_NAMES: Final = frozenset({"LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PATH", "TZ", "TZDIR", "XDG_DATA_DIRS"})
# Languages, fonts, and where Chromium's sandbox is a helper program (CHROME_DEVEL_SANDBOX).
_PREFIXES: Final = ("LC_", "FONTCONFIG_", "CHROME_")
_SECRET_PREFIXES: Final = ("RENDERFLEET_", "AWS_")


def for_browser(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that Chromium may have."""
    return {name: value for name, value in variables.items() if name in _NAMES or name.startswith(_PREFIXES)}


def secret_names(variables: Mapping[str, str]) -> set[str]:
    """The names of those that no child process may have."""
    return {name for name in variables if name.startswith(_SECRET_PREFIXES)}
