"""Playwright's devices: what each of their names stands for.

`devices.json` is made from the installed Playwright by `python -m tests.kit.docs.device_table`, because its
Python package has the table only while its driver runs. A test compares the two.
"""

import json
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticCustomError

TABLE: Final = Path(__file__).with_name("devices.json")
_MAX_COMPARED: Final = 100


@cache
def devices() -> dict[str, dict[str, Any]]:
    """The options of each device, by its name. Read when the first device is asked for."""
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text())
    return table


def known_device(name: str) -> str:
    """The name itself, if it is one of a device.

    Raises:
        PydanticCustomError: it is not; the message says which name is most like it.
    """
    if name in devices():
        return name
    by_lower_case = {known.lower(): known for known in devices()}
    close = get_close_matches(name[:_MAX_COMPARED].lower(), by_lower_case, n=1)
    hint = f"; did you mean `{by_lower_case[close[0]]}`?" if close else ""
    context = {
        "reason": f"is no device that Playwright has{hint}",
        "allowed": "a name such as iPhone 15, Desktop Safari or Pixel 7 landscape",
    }
    raise PydanticCustomError("device", "{reason}", context)


def with_device(document: Any) -> Any:
    """A request with the options of its device, before anything else is read of it. What is given wins."""
    if not isinstance(document, dict) or not isinstance(name := document.get("device"), str):
        return document
    if (device := devices().get(name)) is None:
        return document  # refused when it is read
    joined = {**device, **document}
    if isinstance(given := document.get("viewport"), dict):
        joined["viewport"] = {**device["viewport"], **given}
    return joined
