"""Canary renders: a worker renders a small page of its own to find out whether jobs would succeed.

A job that succeeds proves the same, so a busy worker renders no canaries. A canary runs only while a slot is
free, and on a page of its own that takes no slot and no warm page. So no job waits for a canary.
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

# When a worker starts, jobs may be waiting. If one of them succeeds first, no canary is needed.
_FIRST_S: Final = 2.0
# A canary takes 0.2 s on an idle machine. In this time a hanging browser is found and replaced.
_TIMEOUT_S: Final = 20.0
# A worker that is not ready tries again soon.
_RETRY_S: Final = 10.0
_NO_FREE_SLOT_PAUSE_S: Final = 1.0
# The worker is ready for this many intervals after a success; the next one is due after one interval.
_FRESH_INTERVALS: Final = 3.0

_SIDE_PX: Final = 16
# Colour profiles do not change pure colours. White and black are left out: an empty page looks like that.
_COLOURS: Final = ("ff0000", "00ff00", "0000ff", "ffff00", "ff00ff", "00ffff")
_HTML: Final = "<!doctype html><title>canary</title><style>html{{background:#{colour}}}</style>"

_MAX_BYTES: Final = 1024 * 1024

_RGB, _RGBA, _BITS = 2, 6, 8

log = get_logger(__name__)
# The page of a canary makes no requests.
_TERMS: Final = Terms(AddressPolicy())


class CanaryError(Exception):
    """A canary failed; the text says why."""


class Canary:
    """Renders a canary when one is due, and knows whether this worker can render."""

    def __init__(
        self, pool: Pool, folder: Path, *, interval_s: float, is_allowed: Callable[[], bool]
    ) -> None:
        """Render nothing yet.

        Args:
            pool: has the browser.
            folder: for the picture, until it has been checked.
            interval_s: a canary is due when no render has succeeded for this long.
            is_allowed: whether a canary may be rendered now.
        """
        self._pool = pool
        self._path = folder / "canary.png"
        self._interval_s = interval_s
        self._is_allowed = is_allowed
        self._failure: str | None = None
        # Counters that begin at 0: Prometheus would not see the first increase of one that begins at 1.
        for outcome in ("succeeded", "failed"):
            CANARIES.labels(outcome)
        self._ended_at = -math.inf
        self._succeeded_at = -math.inf

    @property
    def succeeded_s(self) -> float | None:
        """Seconds since a canary or a job last succeeded; None: none has succeeded yet."""
        age_s = _now() - self._last_success_at
        return age_s if age_s < math.inf else None

    @property
    def not_ready_reason(self) -> str | None:
        """Why a render may fail now; None: a render has succeeded lately."""
        if self._failure is not None and self._last_success_at < self._ended_at:
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
            pause_s = await self.render_if_due()

    async def render_if_due(self) -> float:
        """Render a canary if one is due and allowed. Returns after how many seconds to call this again."""
        due_in_s = self._due_at(spread=random.uniform(0.9, 1.1)) - _now()  # noqa: S311 - spreads load
        if due_in_s > 0:
            return due_in_s
        if not (self._pool.has_free_slot and self._is_allowed()):
            return _NO_FREE_SLOT_PAUSE_S
        await self.render()
        return 0

    async def render(self) -> None:
        """Render a canary and remember whether it succeeded. Raises nothing."""
        failed_before = self._failure is not None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._render_and_check()
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

    async def _render_and_check(self) -> None:
        """Render a page of a random colour and check the picture: an old one seldom has the same colour."""
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
    def _last_success_at(self) -> float:
        rendered_at = self._pool.rendered_at
        return self._succeeded_at if rendered_at is None else max(self._succeeded_at, rendered_at)

    def _due_at(self, *, spread: float) -> float:
        if self._failure is not None and self._last_success_at < self._ended_at:
            return self._ended_at + spread * min(self._interval_s, _RETRY_S)
        return self._last_success_at + spread * self._interval_s


def require_colour(png: bytes, colour: str) -> None:
    """Check that the first pixel of a picture has this colour (hexadecimal digits: red, green, blue).

    Raises:
        CanaryError: it has another colour, or this is no PNG as Chromium writes it.
    """
    if (found := bytes(first_pixel(png)).hex()) != colour:
        raise CanaryError(f"the picture has the colour {found} instead of {colour}")


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue of the top left pixel of a PNG as Chromium writes it: 8 bits each, not interlaced.

    No filter of PNG changes this pixel: filters subtract the pixels to the left and above, and it has none.
    A library that decodes pictures would use 4 MB of memory in each worker. Source: RFC 2083, sections 3, 4.1
    and 6.

    Raises:
        CanaryError: it is no such PNG, or it is damaged.
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
