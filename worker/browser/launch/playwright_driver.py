"""Playwright's driver, a Node.js process: starting it, asking whether it lives, stopping it.

It launches and closes browsers and does nothing else here: renders talk to Chromium directly. So it is told
to be small rather than fast.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import psutil
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, async_playwright
from playwright.async_api._context_manager import PlaywrightContextManager

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from worker.browser.launch.child_environment import secret_names

# What a call to Playwright raises: its own error, or the event loop's when the driver has ended and its pipe
# is closed (uvloop's transports raise RuntimeError).
CALL_ERRORS: Final = (PlaywrightError, RuntimeError)

_TIMEOUT_S: Final = 5.0
# As the parts of a browser are looked at. A process may be stopped for a moment: two looks must find it so.
_LOOK_INTERVAL_S: Final = 1.0

# V8 lets new objects fill 16 MB before it collects; with 1 MB the idle driver holds 11 MB less, and starting
# it or launching a browser takes no longer (docs/adr/0006). Documented, and allowed in NODE_OPTIONS, unlike
# V8's --lite-mode, which would save 4 MB more and forbid WebAssembly.
_SMALL_HEAP: Final = "--max-semi-space-size=1"
# One pool of glibc's malloc instead of one for each of its eleven threads: 4 MB (mallopt(3)).
_ONE_ARENA: Final = "1"

log = get_logger(__name__)


class Driver:
    """The driver process of a worker.

    Attributes:
        playwright: Playwright's own object, through which the driver is told what to do.
    """

    def __init__(self, playwright: Playwright, process: psutil.Process | None) -> None:
        self.playwright = playwright
        self._process = process

    @classmethod
    async def start(cls) -> "Driver":
        """Start Playwright and its driver process.

        Raises:
            RenderError: `browser_unavailable`; the log says what an operator can do.
        """
        others = _drivers()
        try:
            with _own_variables():
                manager = async_playwright()
                playwright = await manager.start()
        except Exception as error:
            # Playwright raises whatever its pipe met, a bare Exception among it.
            log.error(  # noqa: TRY400 - the traceback ends in a pipe and tells nothing
                "Playwright's driver did not start",
                fix="read what `python -m playwright --version` says; a slim Debian needs libatomic1",
                reason=str(error),
            )
            detail = "Playwright's driver did not start"
            raise RenderError(ErrorType.BROWSER_UNAVAILABLE, detail) from error
        _expect_its_end(manager)
        return cls(playwright, next((one for one in _drivers() if one not in others), None))

    async def stop(self) -> None:
        """End the driver process, also one that hangs or was stopped. Never raises."""
        stopping = asyncio.create_task(self.playwright.stop(), name="stop Playwright")
        if not (await asyncio.wait((stopping,), timeout=_TIMEOUT_S))[0]:
            log.warning("Playwright's driver does not stop, killing it")
            self._kill()
            await asyncio.wait((stopping,), timeout=_TIMEOUT_S)
        stopping.cancel()  # if it has not ended even now
        (error,) = await asyncio.gather(stopping, return_exceptions=True)
        if error is not None:
            log.warning("Playwright did not stop", reason=repr(error))

    async def answers(self) -> bool:
        """Whether the driver process lives: the cheapest question that it has to answer itself."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                context = await self.playwright.request.new_context()
                await context.dispose()
        except (TimeoutError, *CALL_ERRORS):
            return False
        return True

    @asynccontextmanager
    async def killed_if_stopped(self) -> AsyncIterator[None]:
        """During a launch, kill the driver or a browser that two looks find stopped. Then the launch fails.

        Playwright would wait for ever for its driver, and for the browser until the launch takes too long.
        When the browser is there, `SharedParts` looks after both.
        """
        watching = asyncio.create_task(self._watch(), name="watch Playwright's driver")
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        before: set[psutil.Process] = set()
        while True:
            await asyncio.sleep(_LOOK_INTERVAL_S)
            stopped = self._stopped()
            for process in stopped & before:
                log.warning("killing a stopped process", pid=process.pid)
                with contextlib.suppress(psutil.Error):
                    process.kill()
            before = stopped

    def _stopped(self) -> set[psutil.Process]:
        """Those that are stopped: of the driver and the browsers that it has started."""
        found = set()
        with contextlib.suppress(psutil.Error):
            for process in (self._process, *self._process.children()) if self._process else ():
                if process.status() == psutil.STATUS_STOPPED:
                    found.add(process)
        return found

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.kill()


def _drivers() -> list[psutil.Process]:
    """The drivers that this process has started: usually one, in tests several."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "run-driver" in child.cmdline():
                found.append(child)
    return found


def _expect_its_end(manager: PlaywrightContextManager) -> None:
    """Look at the error with which Playwright notes the driver's end, because Playwright itself does not.

    asyncio would log it as "Future exception was never retrieved", with no word of what has ended. Whoever
    needs the driver finds out by `answers`. The names are private, and an update may change them: then the
    line is back in the log, and a test fails.
    """
    with contextlib.suppress(AttributeError):
        ended = manager._client._transport.on_error_future  # type: ignore[union-attr] # noqa: SLF001
        ended.add_done_callback(lambda future: future.cancelled() or future.exception())


@contextmanager
def _own_variables() -> Iterator[None]:
    """Lend the driver its variables for its start: it takes over this process's, and gets no secret."""
    before = dict(os.environ)
    secrets = secret_names(before)
    for name in secrets:
        del os.environ[name]
    # What an operator set stands behind ours, and the last word wins.
    os.environ["NODE_OPTIONS"] = f"{_SMALL_HEAP} {before.get('NODE_OPTIONS', '')}".strip()
    os.environ.setdefault("MALLOC_ARENA_MAX", _ONE_ARENA)
    try:
        yield
    finally:
        for name in {"NODE_OPTIONS", "MALLOC_ARENA_MAX", *secrets}:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
