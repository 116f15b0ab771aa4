"""Canary renders: a worker renders a small page of its own to find out whether jobs would succeed.

The page comes through the egress port, so a canary needs each part of Chromium that jobs need: a new
renderer, the network service, the GPU process. Nothing leaves the worker for it. A job that succeeds proves
the same, so there are no canaries while jobs succeed. A canary has a page of its own that takes no slot and
no warm page, so no job waits for it.

When a job has failed in a way that may be the browser's fault, or none has succeeded for some seconds, a
canary is rendered at once. While one fails, the worker takes no jobs. After the second failure in a row the
browser is replaced.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from fleet.egress.policy import AddressPolicy
from fleet.errors import RenderError
from fleet.render.options.source import EGRESS_CONTEXT
from fleet.render.request import RenderRequest
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import CANARIES
from worker.browser.devtools import DevToolsError
from worker.egress.own_site.page import OwnPage
from worker.egress.terms import Terms
from worker.health.first_pixel import CanaryError, require_colour
from worker.pool.pool import Pool
from worker.render.context import Render
from worker.render.pipeline import run_steps
from worker.resources.crowding import threads_per_core
from worker.resources.job_intake import JobIntake

# Why a worker takes no jobs while canaries fail.
NOT_RENDERING: Final = "a test render failed"
# When a worker starts, jobs may be waiting. If one of them succeeds first, no canary is needed.
_FIRST_PAUSE_S: Final = 2.0
# The shortest and the longest time limit of a canary. It takes 0.2 s on an idle machine. On a busy one it may
# take five times as long as it did lately. When many pages begin at once, the time of recent canaries is
# no guide: with 30 threads for each core, a working browser needs 6 s. Measured with 16 workers on two cores
# and 64 pages that began at once: with a limit of 4 s, canaries failed in three working browsers, these were
# replaced, and the other browsers became even slower.
TIMEOUT_S: Final = (3.0, 20.0)
_TIMEOUT_FACTOR: Final = 5.0
_S_PER_THREAD: Final = 0.3
_FIRST_USUAL_DURATION_S: Final = 0.8
# While jobs run and none succeeds, a canary is due this often, which takes 5 % of a core. If the browser is
# broken, two canaries have failed and another browser is launched within 15 s; later only where the time
# limit of a canary is longer, because many threads share a core.
_STALLED_S: Final = 4.0
_FAILURES_TO_REPLACE: Final = 2
# Shortest time between two replacements of the browser. It is doubled while new browsers do not work either.
_SHORTEST_REPLACEMENT_PAUSE_S: Final = 10.0
_LONGEST_REPLACEMENT_PAUSE_S: Final = 300.0
# The longest pause after a canary that failed, where one more at once would not help: the browser is not at
# fault, or it is too early to replace it.
_RETRY_S: Final = 10.0
_NOT_ALLOWED_PAUSE_S: Final = 1.0
# The worker is ready for this many intervals after a success; the next one is due after one interval.
_FRESH_INTERVALS: Final = 3.0

_SIDE_PX: Final = 16
# Colour profiles do not change pure colours. White and black are left out: an empty page looks like that.
_COLOURS: Final = ("ff0000", "00ff00", "0000ff", "ffff00", "ff00ff", "00ffff")
_HOST: Final = "canary.renderfleet.invalid"
_HTML: Final = "<!doctype html><title>canary</title><style>html{{background:#{colour}}}</style>"
_MAX_BYTES: Final = 1024 * 1024

log = get_logger(__name__)
# The check of a request refuses host names that are not public, unless the policy allows some IP address. So
# this policy allows one that is reserved for documentation (RFC 5737). Nothing connects to it, because the
# port answers by itself.
_POLICY: Final = AddressPolicy(allow=((ip_network("192.0.2.0/32"), None),))


class Canary:
    """Renders a canary when one is due, and asks the pool for another browser if canaries fail."""

    def __init__(
        self,
        pool: Pool,
        folder: Path,
        *,
        interval_s: float,
        is_allowed: Callable[[], bool],
        intake: JobIntake,
        timeout_s: tuple[float, float] = TIMEOUT_S,
    ) -> None:
        """Render nothing yet.

        Args:
            pool: has the browser.
            folder: for the picture, until it has been checked.
            interval_s: a canary is due when no render has succeeded for this long.
            is_allowed: whether a canary may be rendered now.
            intake: takes no jobs while canaries fail.
            timeout_s: the shortest and the longest time that a canary may take.
        """
        self._pool = pool
        self._path = folder / "canary.png"
        self._interval_s = interval_s
        self._is_allowed = is_allowed
        self._intake = intake
        self._shortest_s, self._longest_s = timeout_s
        self._one_at_a_time = asyncio.Lock()
        self._failure: str | None = None
        self._is_browsers_fault = False  # whether the last canary failed because of the browser
        self._failures = 0  # how many canaries failed in a row in the same browser
        self._generation = 0  # the browser in which they failed
        self._replaced_in_a_row = 0  # how many browsers were replaced in a row
        self._no_replacement_before = -math.inf
        self._usual_duration_s = _FIRST_USUAL_DURATION_S
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
        pause_s = _FIRST_PAUSE_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._pool.is_suspect.wait()
            pause_s = await self.render_if_due()
            if self._pool.is_suspect.is_set():
                await asyncio.sleep(pause_s)  # not allowed now

    async def render_if_due(self) -> float:
        """Render a canary if one is due and allowed. Returns after how many seconds to call this again."""
        due_in_s = self._due_at(spread=random.uniform(0.9, 1.1)) - _now()  # noqa: S311 - spreads load
        if due_in_s > 0:
            # Not later than _STALLED_S: the worker may become busy, and its jobs may stall.
            return min(due_in_s, _STALLED_S)
        if not self._is_allowed():
            return _NOT_ALLOWED_PAUSE_S
        await self.render()
        return 0

    async def browser_works(self, generation: int | None) -> bool:
        """Whether the browser works, so that a render timed out for another reason; renders a canary to know.

        Args:
            generation: the browser of the render; None: it had none.
        """
        asked_at = _now()
        if generation is not None and generation != self._pool.generation:
            return False  # it has been replaced meanwhile
        if not self._is_allowed():
            return True
        async with self._one_at_a_time:
            if self._last_success_at < asked_at:
                await self._render()
        return self._last_success_at >= asked_at

    async def render(self) -> None:
        """Render a canary and remember whether it succeeded. Raises nothing."""
        async with self._one_at_a_time:
            await self._render()

    async def _render(self) -> None:
        self._pool.is_suspect.clear()
        began_at, generation, timeout_s = _now(), self._pool.generation, self._timeout_s
        failed_before = self._failure is not None
        self._is_browsers_fault = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._render_and_check(began_at + timeout_s)
        except TimeoutError:
            self._failure = f"a canary took longer than {timeout_s:.0f} s"
        except (RenderError, DevToolsError, CanaryError) as error:
            self._failure = f"a canary failed: {error}"
        except OSError as error:
            self._failure = f"a canary failed: {error}"
            self._is_browsers_fault = False
        else:
            self._failure = None
            self._succeeded_at = _now()
            # It rises at once, and falls by half at most.
            self._usual_duration_s = max(_now() - began_at, 0.5 * self._usual_duration_s)
        self._ended_at = _now()
        CANARIES.labels("failed" if self._failure else "succeeded").inc()
        if self._failure:
            log.warning("the worker cannot render", reason=self._failure)
        elif failed_before:
            log.info("the worker can render again")
        if self._last_success_at >= began_at:  # by a job, perhaps
            self._failure = None
            self._failures = self._replaced_in_a_row = 0
            self._intake.release(NOT_RENDERING)
        elif self._is_browsers_fault:
            self._count_failure(generation)

    async def _render_and_check(self, deadline: float) -> None:
        """Render a page of a random colour and check the picture: an old one seldom has the same colour."""
        colour = random.choice(_COLOURS)  # noqa: S311 - guards nothing
        request = RenderRequest.model_validate(
            {"url": f"http://{_HOST}/", "viewport": {"width": _SIDE_PX, "height": _SIDE_PX}},
            context={EGRESS_CONTEXT: _POLICY},
        )
        terms = Terms(_POLICY, own_site=OwnPage(_HOST, _HTML.format(colour=colour)))
        try:
            async with self._pool.spare_page() as page:
                work = Render(page, request, self._path, terms, _MAX_BYTES, navigation_deadline=deadline)
                await run_steps(work)
            require_colour(self._path.read_bytes(), colour)
        finally:
            self._path.unlink(missing_ok=True)

    @property
    def _is_too_early_to_replace(self) -> bool:
        """Whether canaries fail in the current browser, and it is too early to replace it."""
        return self._failures >= _FAILURES_TO_REPLACE and self._generation == self._pool.generation

    def _count_failure(self, generation: int) -> None:
        """Take no jobs; have the browser replaced at its second failure."""
        self._intake.hold(NOT_RENDERING)
        if generation != self._generation:
            self._generation, self._failures = generation, 0
        self._failures += 1
        if self._failures < _FAILURES_TO_REPLACE or _now() < self._no_replacement_before:
            return
        pause_s = min(
            _LONGEST_REPLACEMENT_PAUSE_S, _SHORTEST_REPLACEMENT_PAUSE_S * 2**self._replaced_in_a_row
        )
        self._no_replacement_before = _now() + pause_s
        self._replaced_in_a_row += 1
        log.error("canaries fail, replacing the browser", generation=generation, reason=self._failure)
        self._pool.condemn(generation)

    @property
    def _timeout_s(self) -> float:
        limit_s = time_limit_s(self._usual_duration_s, threads_per_core())
        return min(self._longest_s, max(self._shortest_s, limit_s))

    @property
    def _last_success_at(self) -> float:
        rendered_at = self._pool.rendered_at
        return self._succeeded_at if rendered_at is None else max(self._succeeded_at, rendered_at)

    def _due_at(self, *, spread: float) -> float:
        if self._pool.is_suspect.is_set():
            return -math.inf
        if self._failure is not None:
            # Also when a job has succeeded since: the worker takes none before a canary succeeds.
            if self._is_browsers_fault and not self._is_too_early_to_replace:
                return self._ended_at
            return self._ended_at + spread * min(self._interval_s, _RETRY_S)
        due_at = self._last_success_at + spread * self._interval_s
        if self._pool.busy_since is None:
            return due_at
        stalled_at = max(self._last_success_at, self._pool.busy_since) + _STALLED_S
        return min(due_at, stalled_at) if self._pool.has_free_slot else stalled_at


def time_limit_s(usual_s: float, threads: float) -> float:
    """Seconds after which a canary has failed.

    Args:
        usual_s: how long it took lately.
        threads: how many share a core now.
    """
    return max(_TIMEOUT_FACTOR * usual_s, _S_PER_THREAD * threads)


def _now() -> float:
    return asyncio.get_running_loop().time()
