"""A render that nobody asked for, to know that one would succeed: readiness by trying, not by guessing.

A render of a real job that came to a good end proves the same, so a busy worker has no canaries. They render
beside the slots and only while one is free: no job waits for a canary, and none is kept from the warm pages.
"""

import asyncio
import math
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fleet.egress.policy import AddressPolicy
from fleet.errors import RenderError
from fleet.render.request import RenderRequest
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import CANARIES
from worker.browser.devtools import DevToolsError
from worker.egress.terms import Terms
from worker.pool.pool import Pool
from worker.render.context import Render
from worker.render.pipeline import run_steps

# A worker that was just started may have jobs waiting for it: one of them is proof enough.
_FIRST_S: Final = 2.0
# Takes 0.2 s on an idle machine. Longer than finding out that a browser hangs and launching another one.
_TIMEOUT_S: Final = 20.0
# Who is not ready should become so as soon as it can.
_RETRY_S: Final = 10.0
_LOOK_AGAIN_S: Final = 1.0
# A proof is good for so many intervals: until then the next one should long have come.
_FRESH_INTERVALS: Final = 3.0

_SIDE_PX: Final = 16
# Pure colours come through any colour profile unchanged. White and black are what an empty page shows.
_COLOURS: Final = ("ff0000", "00ff00", "0000ff", "ffff00", "ff00ff", "00ffff")
_HTML: Final = "<!doctype html><title>canary</title><style>html{{background:#{colour}}}</style>"

_MAX_BYTES: Final = 1024 * 1024

_RGB, _RGBA, _BITS = 2, 6, 8

log = get_logger(__name__)
# It asks for nothing.
_TERMS: Final = Terms(AddressPolicy())


class CanaryError(Exception):
    """A canary came to nothing; the text says why."""


class Canary:
    """Renders now and then, and says whether this worker can."""

    def __init__(self, pool: Pool, folder: Path, *, interval_s: float, allowed: Callable[[], bool]) -> None:
        """Render nothing yet.

        Args:
            pool: where to render.
            folder: where pictures lie until they have been looked at.
            interval_s: after so many seconds without a render that succeeded a canary is due.
            allowed: whether there may be one now.
        """
        self._pool = pool
        self._path = folder / "canary.png"
        self._interval_s = interval_s
        self._allowed = allowed
        self._failure: str | None = None
        for outcome in ("succeeded", "failed"):  # a counter that is there from the start shows its first step
            CANARIES.labels(outcome)
        self._ended_at = -math.inf
        self._succeeded_at = -math.inf

    @property
    def succeeded_s(self) -> float | None:
        """Seconds since a render last succeeded, a canary's or a job's; None: none has yet."""
        age_s = _now() - self._proved_at
        return age_s if age_s < math.inf else None

    @property
    def doubt(self) -> str | None:
        """Why it is not known that a render would succeed now; None: it is."""
        if self._failure is not None and self._proved_at < self._ended_at:
            return self._failure
        if self.succeeded_s is None:
            return "nothing has been rendered yet"
        if self.succeeded_s > _FRESH_INTERVALS * self._interval_s:
            return f"no render has succeeded for {self.succeeded_s:.0f} s"
        return None

    async def run(self) -> None:
        """Render a canary whenever one is due."""
        pause_s = _FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = await self.look()

    async def look(self) -> float:
        """Render a canary if one is due and there may be one; the seconds until it is time to look again."""
        early_s = self._due_at(spread=random.uniform(0.9, 1.1)) - _now()  # noqa: S311 - spreads load
        if early_s > 0:
            return early_s
        if not (self._pool.has_free_slot and self._allowed()):
            return _LOOK_AGAIN_S
        await self.render()
        return 0

    async def render(self) -> None:
        """Render one, whatever comes of it."""
        failed_before = self._failure is not None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._sing()
        except TimeoutError:
            self._failure = f"a canary took longer than {_TIMEOUT_S:.0f} s"
        except (RenderError, DevToolsError, CanaryError, OSError) as error:
            self._failure = f"a canary failed: {error}"
        else:
            self._failure = None
            self._succeeded_at = _now()
        self._ended_at = _now()
        CANARIES.labels("failed" if self._failure else "succeeded").inc()
        if self._failure:
            log.warning("the worker cannot render", reason=self._failure)
        elif failed_before:
            log.info("the worker can render again")

    async def _sing(self) -> None:
        """Render a small page of one colour, seldom the last one's: no old picture passes for a new one."""
        colour = random.choice(_COLOURS)  # noqa: S311 - guards nothing
        request = RenderRequest.model_validate(
            {"html": _HTML.format(colour=colour), "viewport": {"width": _SIDE_PX, "height": _SIDE_PX}}
        )
        deadline = _now() + _TIMEOUT_S
        try:
            async with self._pool.spare_page() as page:
                work = Render(page, request, self._path, _TERMS, _MAX_BYTES, navigation_deadline=deadline)
                await run_steps(work)
            require_colour(self._path.read_bytes(), colour)
        finally:
            self._path.unlink(missing_ok=True)

    @property
    def _proved_at(self) -> float:
        rendered_at = self._pool.rendered_at
        return self._succeeded_at if rendered_at is None else max(self._succeeded_at, rendered_at)

    def _due_at(self, *, spread: float) -> float:
        if self._failure is not None and self._proved_at < self._ended_at:
            return self._ended_at + spread * min(self._interval_s, _RETRY_S)
        return self._proved_at + spread * self._interval_s


def require_colour(png: bytes, colour: str) -> None:
    """Refuse a picture that does not begin with this colour (in hexadecimal: red, green, blue).

    Raises:
        CanaryError: it has another one, or is none that Chromium would write.
    """
    if (found := bytes(first_pixel(png)).hex()) != colour:
        raise CanaryError(f"the picture has the colour {found} instead of {colour}")


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue of the top left pixel of a PNG as Chromium writes it: 8 bits each, not interlaced.

    It is the same in all of PNG's filters, which only ever differ from what is left or above. A library that
    decodes pictures would take 4 MB of each worker's memory. Source: RFC 2083, sections 3, 4.1 and 6.

    Raises:
        CanaryError: it is no such PNG, or a broken one.
    """
    try:
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise CanaryError("the picture is no PNG")
        chunks = dict[bytes, bytes]()
        position = 8
        while position < len(png):
            length, kind = struct.unpack_from(">I4s", png, position)
            data = png[position + 8 : position + 8 + length]
            (checksum,) = struct.unpack_from(">I", png, position + 8 + length)
            if zlib.crc32(kind + data) != checksum:
                raise CanaryError("the picture is damaged")
            chunks[kind] = chunks.get(kind, b"") + data
            position += 12 + length
        width, _, bits, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
        rows = zlib.decompress(chunks[b"IDAT"])
        if width < 1 or bits != _BITS or colours not in (_RGB, _RGBA) or b"IEND" not in chunks:
            raise CanaryError("the picture is of an unknown kind")
        red, green, blue = rows[1:4]
    except (struct.error, zlib.error, KeyError, ValueError) as error:
        raise CanaryError("the picture cannot be decoded") from error
    return red, green, blue


def _now() -> float:
    return asyncio.get_running_loop().time()
