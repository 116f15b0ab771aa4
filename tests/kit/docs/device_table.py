"""Makes `fleet/render/devices.json` of the installed Playwright: `python -m tests.kit.docs.device_table`."""

import asyncio
import json
from typing import Any

from playwright.async_api import async_playwright

from fleet.render.devices import TABLE

# Which of Playwright's browsers a device is tested with. Ours is always Chromium.
_LEFT_OUT = "default_browser_type"


def as_text(devices: dict[str, dict[str, Any]]) -> str:
    """The file, one device a line, so that an update shows what has changed."""
    lines = [
        f"{json.dumps(name)}: {json.dumps({key: value for key, value in device.items() if key != _LEFT_OUT})}"
        for name, device in devices.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


async def current() -> str:
    """The file as the installed Playwright would have it."""
    async with async_playwright() as playwright:
        return as_text(playwright.devices)


if __name__ == "__main__":
    TABLE.write_text(asyncio.run(current()))
