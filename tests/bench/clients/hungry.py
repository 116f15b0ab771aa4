"""Renders of pages that fill memory, with small jobs beside each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.clients.mixed import Document, render
from tests.bench.clients.product import Api
from tests.site.bombs import BOMBS

_BOMB_MS: Final = 10_000
_LARGEST: Final[Document] = {
    "path": "/photo",
    "viewport": {"width": 2000, "height": 5000},
    "device_scale_factor": 2,
}
KINDS: Final[dict[str, Document]] = {
    **{name: {"path": f"/bomb/{name}", "navigation_timeout_ms": _BOMB_MS} for name in BOMBS},
    "pictures of 40 megapixels": {**_LARGEST, "format": "webp"},
    "pictures of 20 megapixels": {**_LARGEST, "viewport": {"width": 2000, "height": 2500}, "format": "webp"},
}


@dataclass(slots=True)
class Hungry:
    """What became of the jobs of one kind, and of those beside them.

    Attributes:
        own_peak_bytes: the most own memory of the worker's group meanwhile.
        ends: how the jobs of that kind ended: states or error types.
        beside: the small jobs beside them.
    """

    own_peak_bytes: int = 0
    ends: set[str] = field(default_factory=set)
    beside: list[Document] = field(default_factory=list, repr=False)

    @property
    def failed(self) -> int:
        """Small jobs that did not succeed."""
        return sum(job["status"] != "succeeded" for job in self.beside)


async def render_hungry(
    api: Api, address: str, kinds: list[str], *, at_once: int, peak_since: Callable[[], int]
) -> dict[str, Hungry]:
    """Request one kind after the other, and a small job again and again until its jobs have ended.

    Args:
        api: takes the jobs.
        address: of the test site.
        kinds: names of `KINDS`.
        at_once: how many jobs of a kind; one slot less than there are, so that small jobs find one.
        peak_since: the most own memory since it was called last.
    """
    found = {}
    for name in kinds:
        asked: dict[str, Any] = dict(KINDS[name])
        asked["url"] = address + asked.pop("path")
        peak_since()
        hungry = Hungry()
        rendering = asyncio.gather(*(render(api, asked) for _ in range(at_once)))
        while not rendering.done():
            hungry.beside.append(await render(api, {"url": f"{address}/tiny"}))
        for job in await rendering:
            hungry.ends.add(job["error"]["type"] if job["error"] else job["status"])
        hungry.own_peak_bytes = peak_since()
        found[name] = hungry
    return found
