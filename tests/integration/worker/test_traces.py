"""One trace shows a job from its call to its webhook, and says nothing that is secret."""

from collections.abc import Iterable
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.kit.processes import api_process, free_port, worker
from tests.kit.servers.receiver import Received, answer, receiver
from tests.kit.servers.recording_server import recording_server
from tests.kit.stages.stage import Stage

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER: Final = "00f067aa0ba902b7"
TRACEPARENT: Final = f"00-{TRACE}-{CALLER}-01"
# All that is done to a page, with or without effect, for a picture.
STEPS: Final = {"viewport", "emulation", "source", "readiness", "screenshot", "output"}


def spans_of(received: Iterable[Received]) -> list[Span]:
    """What has arrived by OTLP."""
    found = []
    for one in received:
        assert one.path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(one.body)
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                found += of_scope.spans
    return found


def named(spans: list[Span], name: str) -> Span:
    (found,) = (span for span in spans if span.name == name)
    return found


async def test_a_job_is_one_trace_from_its_call_to_its_webhook(stage: Stage, tenant_key: str) -> None:
    async with (
        receiver() as collector,
        receiver() as hooks,
        recording_server("<h1>traced</h1>") as site,
    ):
        collector.behaviours = [answer(200, "Connection: close", body=b"")]
        environment = stage.environment(TRACES_ENDPOINT=f"http://127.0.0.1:{collector.port}")
        async with (
            worker(environment, stage.folder / "worker.log"),
            api_process(environment, stage.folder / "api.log", tenant_key) as (_, client),
        ):
            made = await client.post(
                "/v1/jobs",
                json={
                    "url": f"http://127.0.0.1:{site.port}/?token=of-the-address",
                    "headers": {"X-Token": "of-the-header"},
                    "send_traceparent": True,
                    "webhook_url": f"http://127.0.0.1:{hooks.port}/hook",
                },
                headers={"traceparent": TRACEPARENT, "Prefer": "wait=60"},
            )
            assert made.json()["status"] == "succeeded"
            (hook,) = await hooks.got()
            await client.post(
                "/v1/jobs", json={"url": f"http://127.0.0.1:{free_port()}/"}, headers={"Prefer": "wait=60"}
            )
            await client.get("/readyz")
    # Both have ended, and have sent what was left.
    spans = spans_of(collector.received)
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    call, attempt = named(ours, "POST /v1/jobs"), named(ours, "attempt")
    assert call.parent_span_id.hex() == CALLER
    for name in ("send to queue", "wait in queue", "attempt", "webhook"):
        assert named(ours, name).parent_span_id == call.span_id, name
    for name in ("wait for a page", "upload", "record", *(f"step {step}" for step in STEPS)):
        assert named(ours, name).parent_span_id == attempt.span_id, name
        assert attempt.start_time_unix_nano <= named(ours, name).end_time_unix_nano, name
    for received in (site.heads[0], hook.headers):
        assert received["traceparent"].split("-")[1] == TRACE
    assert not any(b"of-the-" in one.body for one in collector.received)
    assert not any("readyz" in span.name for span in spans)
    (failed,) = (span for span in spans if span.name == "attempt" and span.trace_id.hex() != TRACE)
    assert (failed.status.code, failed.status.message) == (Status.STATUS_CODE_ERROR, "connection_failed")
