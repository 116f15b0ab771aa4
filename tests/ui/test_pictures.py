"""Each page looks as it did when a person looked at it: the pictures of docs/dashboard.md.

RENDERFLEET_UPDATE_GOLDEN=1 takes new ones. Fonts differ between machines and ages between runs, so what is
compared is small: where something is, and what colour it has.
"""

import io
import os
import re
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.async_api import expect

from api.ui.site import PAGES
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.ui.filling.fleet import keep_present
from tests.ui.kit.dashboard import DESKTOP, PHONE, Dashboard, Visit

FOLDER: Final = ROOT / "docs" / "images" / "dashboard"
_SMALL: Final = (64, 48)
# Of 255 shades, on average over all pixels: an empty page differs from a full one by more than ten.
_SHADES_THAT_MAY_DIFFER: Final = 4.0


def name_of(path: str) -> str:
    """`/ui/fleet/{worker_id}` is `fleet-worker`."""
    words = re.sub(r"\{(\w+?)(_id)?\}", r"\1", path).split("/")[2:]
    return "-".join(words)


LOOKS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name_of(page.path): (page.path, {}) for page in PAGES},
    "fleet-dark": ("/ui/fleet", {"color_scheme": "dark"}),
    "fleet-phone": ("/ui/fleet", {"size": PHONE}),
    "jobs-gallery": ("/ui/jobs?view=gallery", {}),
    "jobs-job-dark": ("/ui/jobs/{job_id}", {"color_scheme": "dark"}),
    "jobs-phone": ("/ui/jobs", {"size": PHONE}),
}


@pytest.mark.parametrize("name", LOOKS)
async def test_a_page_looks_as_it_did(pictured: Dashboard, name: str) -> None:
    path, options = LOOKS[name]
    await pictured.stage.database.execute("UPDATE workers SET last_seen_at = now()")
    async with pictured.visit(**{"color_scheme": "light", **options}) as visit:
        await visit.open(path.format(**pictured.filled))
        await until_pictures_are_there(visit)
        made = Image.open(io.BytesIO(await visit.page.screenshot(animations="disabled")))
    await keep_present(pictured)
    golden = FOLDER / f"{name}.webp"
    if os.environ.get("RENDERFLEET_UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        made.convert("RGB").save(golden, quality=82, method=6)
    assert made.size == options.get("size", DESKTOP)
    assert difference(made, golden) < _SHADES_THAT_MAY_DIFFER


async def until_pictures_are_there(visit: Visit) -> None:
    """Those in the window: what is below it is loaded when somebody scrolls there."""
    assert visit.page.viewport_size is not None
    for picture in await visit.page.locator("img").all():
        box = await picture.bounding_box()
        if box is not None and box["y"] < visit.page.viewport_size["height"]:
            await expect(picture).not_to_have_js_property("naturalWidth", 0, timeout=PATIENCE_S * 1000)


def difference(made: Image.Image, golden: Path) -> float:
    """How many shades the two differ by, on average."""
    with Image.open(golden) as stored:
        pair = [one.convert("RGB").resize(_SMALL, Image.Resampling.BOX) for one in (made, stored)]
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3
