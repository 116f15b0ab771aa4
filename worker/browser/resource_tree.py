"""What the documents of a page have asked for, as Chromium lists it on demand: costs nothing until then.

Source: inspector_page_agent.cc. Requests of scripts (fetch, XMLHttpRequest) are not in the list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.browser.devtools import Params


@dataclass(frozen=True, slots=True)
class Resource:
    """One part of a page.

    Attributes:
        url: where it was asked for.
        kind: Chromium's word for what it is, such as `Font` or `Image`.
        is_answered: whether the head of an answer has come.
        is_ended: whether the whole answer has come, or none will; never true of an answer without a body.
    """

    url: str
    kind: str
    is_answered: bool
    is_ended: bool


def read_resources(frame_tree: Params) -> Iterator[Resource]:
    """Those of a frame and of the frames in it, from the answer to `Page.getResourceTree`."""
    for found in frame_tree["resources"]:
        is_broken = found.get("failed", False) or found.get("canceled", False)
        yield Resource(
            url=found["url"],
            kind=found["type"],
            is_answered=bool(found["mimeType"]),
            is_ended=is_broken or found.get("contentSize", 0) > 0,
        )
    for child in frame_tree.get("childFrames", ()):
        yield from read_resources(child)
