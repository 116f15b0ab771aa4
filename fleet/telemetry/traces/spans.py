"""Spans, whether they are recorded or not: the rest of the product knows no more of traces than this."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from fleet.telemetry.traces import parent
from fleet.telemetry.traces.settings import TraceSettings

if TYPE_CHECKING:
    from fleet.telemetry.traces.recorder import SpanRecorder

Value = str | int | float | bool


class Side(StrEnum):
    """On which side of a connection a span stands."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


class TracedSpan(Protocol):
    """A piece of work that is being timed."""

    def note(self, **attributes: Value | None) -> None:
        """Add what is known of it now. A None is left out; `_` in a name stands for a dot."""

    def rename(self, name: str) -> None:
        """Give it another name."""

    def fail(self, reason: str) -> None:
        """It did not do what it was to do. The reason is a word of a short list, and has no secrets."""


class _SilentSpan:
    """A span that nobody looks at."""

    def note(self, **attributes: Value | None) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


SILENT: Final[TracedSpan] = _SilentSpan()
_SILENCE: Final = nullcontext(SILENT)
_recorder: "SpanRecorder | None" = None


def start_traces(settings: TraceSettings, *, service: str) -> None:
    """Record spans from now on, if there is an address for them.

    Args:
        settings: the address, and the share that is recorded.
        service: what this process is: `api` or `worker`.
    """
    global _recorder  # noqa: PLW0603 - one for a process, as loggers and metrics are
    if settings.traces_endpoint is None:
        return
    from fleet.telemetry.traces.recorder import SpanRecorder  # noqa: PLC0415 - OpenTelemetry: 9 MB, where wanted

    _recorder = SpanRecorder(settings.traces_endpoint, sample=settings.traces_sample, service=service)


def stop_traces() -> None:
    """Send what was recorded, for three seconds at most. It blocks: call it in a thread."""
    global _recorder
    recorder, _recorder = _recorder, None
    if recorder is not None:
        recorder.stop()


def is_recording() -> bool:
    """Whether this process records spans."""
    return _recorder is not None


def span(
    name: str, side: Side = Side.INTERNAL, /, **attributes: Value | None
) -> AbstractContextManager[TracedSpan]:
    """Time the block as a part of what is being done. An error that leaves it is noted by its type alone."""
    if _recorder is None:
        return _SILENCE
    return _recorder.span(name, side, attributes)


def earlier_span(name: str, *, seconds: float, **attributes: Value | None) -> None:
    """Record what took so many seconds and has ended just now, where no block could time it."""
    if _recorder is not None:
        _recorder.earlier_span(name, seconds, attributes)


@contextmanager
def continued(given: str | None) -> Iterator[None]:
    """What is done in the block goes on with the trace of this `traceparent`; None or nonsense: with none."""
    known = parent.valid(given)
    with parent.under(known):
        if _recorder is None:
            yield
        else:
            with _recorder.continued(known):
                yield


def traceparent() -> str | None:
    """The `traceparent` of what is being done now: of the span, or else what the caller has given."""
    own = None if _recorder is None else _recorder.traceparent()
    return own or parent.given()
