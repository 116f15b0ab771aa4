"""Records spans with OpenTelemetry and sends them by OTLP over HTTP. Loaded only where traces are wanted."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time_ns
from typing import Final

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fleet import VERSION
from fleet.errors import RenderfleetError
from fleet.telemetry.traces.spans import Side, TracedSpan, Value

_PATH: Final = "/v1/traces"
_TIMEOUT_S: Final = 3
_HEADER: Final = "traceparent"
_SIDES: Final = {
    Side.INTERNAL: SpanKind.INTERNAL,
    Side.SERVER: SpanKind.SERVER,
    Side.CLIENT: SpanKind.CLIENT,
}
_W3C: Final = TraceContextTextMapPropagator()


class _RecordedSpan:
    """A span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, **attributes: Value | None) -> None:
        self._span.set_attributes(_named(attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, reason))
        self._span.set_attribute("error.type", reason)


class SpanRecorder:
    """Keeps up to 2,048 spans, and sends them every five seconds, in a thread. More are dropped."""

    def __init__(self, endpoint: str, *, sample: float, service: str) -> None:
        resource = Resource.create(
            {
                "service.name": f"renderfleet-{service}",
                "service.version": VERSION,
                "host.name": socket.gethostname(),
            }
        )
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(sample)), shutdown_on_exit=False
        )
        url = endpoint.rstrip("/") + _PATH
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT_S))
        )
        self._tracer = self._provider.get_tracer("renderfleet", VERSION)

    def stop(self) -> None:
        """Send what is left."""
        self._provider.force_flush(_TIMEOUT_S * 1000)
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, side: Side, attributes: Mapping[str, Value | None]) -> Iterator[TracedSpan]:
        """As `spans.span`."""
        # Texts of errors may hold addresses and more that is nobody's business: only their type is kept.
        with self._tracer.start_as_current_span(
            name,
            kind=_SIDES[side],
            attributes=_named(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            recorded = _RecordedSpan(made)
            try:
                yield recorded
            except BaseException as error:
                recorded.fail(
                    error.type.value if isinstance(error, RenderfleetError) else type(error).__name__
                )
                raise

    def earlier_span(self, name: str, seconds: float, attributes: Mapping[str, Value | None]) -> None:
        """As `spans.earlier_span`."""
        now = time_ns()
        begun = now - round(seconds * 1e9)
        self._tracer.start_span(name, attributes=_named(attributes), start_time=begun).end(now)

    @contextmanager
    def continued(self, traceparent: str | None) -> Iterator[None]:
        """As `spans.continued`."""
        carrier = {} if traceparent is None else {_HEADER: traceparent}
        token = context.attach(_W3C.extract(carrier, context=context.Context()))
        try:
            yield
        finally:
            context.detach(token)

    def traceparent(self) -> str | None:
        """Of the span that is current; None: there is none."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get(_HEADER)


def _named(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """As OpenTelemetry names attributes: with dots. A name that has some already stays as it is."""
    return {
        name if "." in name else name.replace("_", "."): value
        for name, value in attributes.items()
        if value is not None
    }
