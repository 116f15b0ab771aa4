"""What happened to a job, on one axis of time: it waited, was attempted with its stages, webhooks were sent.

Waiting may take days and a render a third of a second: on a plain axis the render would be a hairline. So a
wait that is much longer than all work together is cut short, and drawn as cut. No clock is read: the time is
given.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from fleet.jobs.attempts.history import AttemptEnd, AttemptRecord
from fleet.jobs.job import Job
from fleet.webhooks.messages import MessageRecord

# Of the whole drawing, in units of its own.
WIDTH: Final = 1000.0
# The least width of a bar, in the same units: a thinner one could not be seen.
_THINNEST: Final = 3.0
_MILLISECOND: Final = timedelta(milliseconds=1)
# A cut wait is drawn as wide as this share of all work together. A wait is cut if it takes more than
# `_CUT_ABOVE_FACTOR` times as long: with 1 s of work, a wait of more than 0.6 s is drawn as wide as 0.3 s.
_CUT_WAIT_SHARE: Final = 0.3
_CUT_ABOVE_FACTOR: Final = 2.0
# If all work together takes less than this, it counts as this much: the only work may be a webhook that
# failed at once, which takes no time.
_LEAST_WORK_MS: Final = 20.0
# The ticks divide the axis into this many equal parts.
_TICKS: Final = 4
_STAGES: Final = ("context", "navigation", "readiness", "capture", "upload")


class BarKind(StrEnum):
    """What a bar stands for. The style sheet gives each its colour, the page its word."""

    QUEUED = "queued"
    CONTEXT = "context"
    NAVIGATION = "navigation"
    READINESS = "readiness"
    CAPTURE = "capture"
    UPLOAD = "upload"
    WORKED = "worked"
    FAILED = "failed"
    RUNNING = "running"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a line.

    Attributes:
        x: where it begins, from 0 to `WIDTH`.
        width: as it is drawn; at least so wide that it can be seen.
        start_ms: since the job was accepted.
        length_ms: how long it took.
    """

    kind: BarKind
    x: float
    width: float
    start_ms: float
    length_ms: float


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        name: what, in words.
        outcome: how it ended, in words; empty: nothing to say.
        detail: more about it, such as the words of an error; may be a stranger's text.
        is_bad: whether it failed.
        start_ms: since the job was accepted.
        length_ms: how long it took; None: it goes on.
    """

    name: str
    outcome: str
    detail: str
    start_ms: float
    length_ms: float | None
    bars: Sequence[Bar]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A time that is written at the axis."""

    x: float
    at_ms: float


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece of the axis that is drawn shorter than it was."""

    x: float
    width: float
    length_ms: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The drawing."""

    lines: Sequence[Line]
    ticks: Sequence[Tick]
    cuts: Sequence[Cut]

    @property
    def kinds(self) -> list[BarKind]:
        """What its colours stand for, in the order in which they are explained."""
        used = {bar.kind for line in self.lines for bar in line.bars}
        return [kind for kind in BarKind if kind in used]


@dataclass(frozen=True, slots=True)
class _Span:
    kind: BarKind
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    spans: Sequence[_Span]
    outcome: str = ""
    detail: str = ""
    is_bad: bool = False
    is_open: bool = False


def waterfall(
    job: Job, attempts: Sequence[AttemptRecord], messages: Sequence[MessageRecord], *, now: datetime
) -> Waterfall:
    """Draw what happened to a job.

    Args:
        job: the job.
        attempts: its newest attempts, oldest first.
        messages: to its webhook.
        now: until when open things are drawn.
    """
    clock = _Clock(job.created_at, now)
    rows = [*_attempt_rows(job, attempts, clock), *_message_rows(messages, clock)]
    axis = _Axis.of(span for row in rows for span in row.spans)
    return Waterfall(
        lines=[_line(row, axis) for row in rows],
        ticks=[Tick(WIDTH * n / _TICKS, axis.time_at(WIDTH * n / _TICKS)) for n in range(_TICKS + 1)],
        cuts=axis.cuts,
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """Milliseconds since the job was accepted. Several computers wrote the times, so none is below 0."""

    zero: datetime
    now: datetime

    def ms(self, moment: datetime | None) -> float:
        """When it was; None: now, because it goes on."""
        return max(0.0, ((moment or self.now) - self.zero) / _MILLISECOND)


def _attempt_rows(job: Job, attempts: Sequence[AttemptRecord], clock: _Clock) -> Iterator[_Row]:
    waits_since = 0.0
    for record in attempts:
        start = clock.ms(record.started_at)
        yield _wait_row(record.attempt, waits_since, start, first=attempts[0].attempt)
        yield _attempt_row(job, record, clock, is_last=record is attempts[-1])
        waits_since = max(start, clock.ms(record.finished_at))
    goes_on = not job.state.is_terminal and (not attempts or attempts[-1].finished_at is not None)
    if goes_on or not attempts:
        end = clock.ms(job.finished_at)
        is_open = not job.state.is_terminal
        name = "Queued again" if attempts else "Queued"
        yield _Row(name, [_Span(BarKind.QUEUED, waits_since, max(end, waits_since))], is_open=is_open)


def _wait_row(attempt: int, start: float, end: float, *, first: int) -> _Row:
    """The wait before an attempt. Before the first one that is shown, others may have been."""
    name = "Queued" if attempt == 1 else "Queued again"
    if attempt == first and attempt > 1:
        name = f"Before: {attempt - 1:,} attempts"
    return _Row(name, [_Span(BarKind.QUEUED, start, max(start, end))])


def _attempt_row(job: Job, record: AttemptRecord, clock: _Clock, *, is_last: bool) -> _Row:
    start = clock.ms(record.started_at)
    end = max(start, clock.ms(record.finished_at))
    name = f"Attempt {record.attempt}"
    if record.outcome is None:
        return _Row(name, [_Span(BarKind.RUNNING, start, end)], outcome="running", is_open=True)
    is_bad = record.outcome is not AttemptEnd.SUCCEEDED
    rest = BarKind.FAILED if is_bad else BarKind.WORKED
    # Of the other attempts nothing but their ends is recorded.
    timings = (job.timings_ms or {}) if is_last and record.attempt == job.attempt else {}
    detail = "" if record.error_type is None else f"{record.error_type.value}: {record.error_detail or ''}"
    return _Row(
        name,
        list(_stages(timings, start, end, rest)),
        outcome=record.outcome.value.replace("_", " "),
        detail=detail.removesuffix(": "),
        is_bad=is_bad,
    )


def _stages(timings: dict[str, float], start: float, end: float, rest: BarKind) -> Iterator[_Span]:
    """The stages of an attempt, one after the other, and what is left of it."""
    at = start
    for stage in _STAGES:
        length = min(timings.get(stage) or 0.0, end - at)
        if length > 0:
            yield _Span(BarKind(stage), at, at + length)
            at += length
    if at < end or at == start:
        yield _Span(rest, at, end)


def _message_rows(messages: Sequence[MessageRecord], clock: _Clock) -> Iterator[_Row]:
    for message in messages:
        for attempt in message.attempts:
            start = clock.ms(attempt.at)
            is_open = attempt.duration_ms is None and attempt.error is None
            end = clock.ms(None) if is_open else start + (attempt.duration_ms or 0.0)
            is_bad = attempt.error is not None
            kind = BarKind.UNDELIVERED if is_bad else BarKind.DELIVERED
            said = f"HTTP {attempt.status}" if attempt.status is not None else ""
            yield _Row(
                f"Webhook, attempt {attempt.attempt}",
                [_Span(kind, start, max(start, end))],
                outcome="sending" if is_open else said or (attempt.error or "delivered").replace("_", " "),
                detail="" if attempt.error is None else attempt.error.value.replace("_", " "),
                is_bad=is_bad,
                is_open=is_open,
            )


@dataclass(frozen=True, slots=True)
class _Piece:
    start_ms: float
    end_ms: float
    shown_ms: float


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where times are drawn: pieces, of which those without any work may be shown shorter."""

    pieces: Sequence[_Piece]

    @classmethod
    def of(cls, spans: Iterable[_Span]) -> "_Axis":
        all_ = list(spans)
        work = _merged([span for span in all_ if span.kind is not BarKind.QUEUED])
        shown_wait = max(_LEAST_WORK_MS, sum(end - start for start, end in work)) * _CUT_WAIT_SHARE
        if not work:
            shown_wait = float("inf")  # nothing to compare the wait with: it is not cut
        last = max((span.end_ms for span in all_), default=0.0)
        pieces, at = [], 0.0
        for start, end in [*work, (last, last)]:  # behind the last work, too, there may be a wait
            wait = max(0.0, start - at)
            if wait:
                is_cut = wait > _CUT_ABOVE_FACTOR * shown_wait
                pieces.append(_Piece(at, start, shown_wait if is_cut else wait))
            if end > start:
                pieces.append(_Piece(start, end, end - start))
            at = max(at, end)
        return cls(pieces or [_Piece(0.0, 1.0, 1.0)])

    @property
    def _shown_ms(self) -> float:
        return sum(piece.shown_ms for piece in self.pieces)

    @property
    def cuts(self) -> list[Cut]:
        return [
            Cut(
                self.place(piece.start_ms),
                piece.shown_ms / self._shown_ms * WIDTH,
                piece.end_ms - piece.start_ms,
            )
            for piece in self.pieces
            if piece.shown_ms < piece.end_ms - piece.start_ms
        ]

    def place(self, at_ms: float) -> float:
        """Where a time is drawn."""
        before = 0.0
        for piece in self.pieces:
            if at_ms <= piece.end_ms:
                share = max(0.0, at_ms - piece.start_ms) / (piece.end_ms - piece.start_ms)
                return (before + share * piece.shown_ms) / self._shown_ms * WIDTH
            before += piece.shown_ms
        return WIDTH

    def time_at(self, x: float) -> float:
        """The time that is drawn there."""
        left = x / WIDTH * self._shown_ms
        for piece in self.pieces:
            if left <= piece.shown_ms:
                return piece.start_ms + left / piece.shown_ms * (piece.end_ms - piece.start_ms)
            left -= piece.shown_ms
        return self.pieces[-1].end_ms


def _merged(spans: Sequence[_Span]) -> list[tuple[float, float]]:
    """The times in which anything was done, in order."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((span.start_ms, span.end_ms) for span in spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _line(row: _Row, axis: _Axis) -> Line:
    start, end = row.spans[0].start_ms, row.spans[-1].end_ms
    return Line(
        name=row.name,
        outcome=row.outcome,
        detail=row.detail,
        start_ms=start,
        length_ms=None if row.is_open else end - start,
        bars=[_bar(span, axis) for span in row.spans],
        is_bad=row.is_bad,
    )


def _bar(span: _Span, axis: _Axis) -> Bar:
    x, end = axis.place(span.start_ms), axis.place(span.end_ms)
    width = max(end - x, _THINNEST)
    return Bar(
        span.kind,
        round(min(x, WIDTH - width), 2),
        round(width, 2),
        span.start_ms,
        span.end_ms - span.start_ms,
    )
