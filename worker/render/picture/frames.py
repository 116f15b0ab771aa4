"""The frames of a page, and where an element in one of them lies in the window."""

from worker.browser.devtools import ProtocolError
from worker.browser.page import ISOLATED_WORLD, Page


async def frame_ids(page: Page) -> list[str]:
    """Chromium's ids of all frames: the main one first, outer ones before inner ones.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    trees = [(await page.send("Page.getFrameTree"))["frameTree"]]
    for tree in trees:
        trees.extend(tree.get("childFrames", []))
    return [tree["frame"]["id"] for tree in trees]


async def quads(page: Page, expression: str, *, frame_id: str) -> list[list[float]]:
    """Where an element is: for each of its boxes the x and y of four corners, in CSS pixels of the window.

    Args:
        page: that shows it.
        expression: that gives the element, in the isolated world of `Page.evaluate`.
        frame_id: of the frame in which the element is.

    Raises:
        ProtocolError: it is not drawn, or not there any more.
    """
    world = await page.send("Page.createIsolatedWorld", frameId=frame_id, worldName=ISOLATED_WORLD)
    context_id = world["executionContextId"]
    answer = await page.send("Runtime.evaluate", expression=expression, contextId=context_id)
    if "objectId" not in answer["result"]:
        raise ProtocolError("there is no such element any more")
    found = await page.send("DOM.getContentQuads", objectId=answer["result"]["objectId"])
    corners: list[list[float]] = found["quads"]
    if not corners:
        raise ProtocolError("the element is not drawn any more")
    return corners


async def scroll_position(page: Page) -> tuple[float, float]:
    """How far the page is scrolled to the right and down, in CSS pixels.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    window = (await page.send("Page.getLayoutMetrics"))["cssLayoutViewport"]
    return window["pageX"], window["pageY"]
