"""Traces by OpenTelemetry: what a job spends its time on, from the call that makes it to its webhook.

They are off unless TRACES_ENDPOINT is set. While off, nothing of OpenTelemetry is loaded, and a span costs
less than a microsecond. The caller's `traceparent` is carried through the job all the same.
"""

from fleet.telemetry.traces.spans import (
    SILENT,
    Side,
    TracedSpan,
    Value,
    continued,
    earlier_span,
    is_recording,
    span,
    start_traces,
    stop_traces,
    traceparent,
)

__all__ = [
    "SILENT",
    "Side",
    "TracedSpan",
    "Value",
    "continued",
    "earlier_span",
    "is_recording",
    "span",
    "start_traces",
    "stop_traces",
    "traceparent",
]
