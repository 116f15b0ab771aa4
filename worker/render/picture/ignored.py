"""Where in the picture the elements are that a schedule's comparison leaves out (`ignore_selectors`)."""

import json
import math
from typing import Final

from worker.render.context import Render
from worker.render.in_page import script

_IGNORED: Final = script("ignored.js")


async def find_ignored(render: Render) -> None:
    """Leave in `render.ignored_areas` where these elements are. A wrong selector becomes a warning.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    if not render.ignored_selectors:
        return
    found = await render.page.evaluate(f"({_IGNORED})({json.dumps(list(render.ignored_selectors))})")
    if isinstance(found, int):
        render.warnings.append(
            f"compare.ignore_selectors.{found}: the browser cannot read the selector "
            f"{render.ignored_selectors[found]}; no element is ignored"
        )
        return
    render.ignored_areas = [tuple(box) for box in found["boxes"]]
    render.scrolled = tuple(found["scroll"])


def ignored_boxes(render: Render, size: tuple[int, int]) -> list[list[int]] | None:
    """Left, top, right and bottom of these elements in a picture of this size. None: there are none in it."""
    area = render.area
    left, top = (area["x"], area["y"]) if area else render.scrolled
    shown = (
        (area["width"], area["height"])
        if area
        else (render.request.viewport.width, render.request.viewport.height)
    )
    across, down = size[0] / shown[0], size[1] / shown[1]
    boxes = []
    for box in render.ignored_areas:
        inside = [
            max(0, math.floor((box[0] - left) * across)),
            max(0, math.floor((box[1] - top) * down)),
            min(size[0], math.ceil((box[2] - left) * across)),
            min(size[1], math.ceil((box[3] - top) * down)),
        ]
        if inside[0] < inside[2] and inside[1] < inside[3]:
            boxes.append(inside)
    return boxes or None
