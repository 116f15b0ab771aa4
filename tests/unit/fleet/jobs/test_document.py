"""The job document has the fields of the contract, no more and no fewer."""

from datetime import UTC, datetime
from uuid import UUID

from pydantic import BaseModel

from fleet.jobs.document import (
    ArtifactDocument,
    ErrorDocument,
    JobDocument,
    LinksDocument,
    MemoryDocument,
    PageDocument,
    TimingsDocument,
)
from fleet.jobs.job import Job, State

# shared design, "Job document", and behind "+" what came on top: what the queue can do since.
CONTRACT: dict[type[BaseModel], str] = {
    JobDocument: "id request status attempt max_attempts priority created_at started_at finished_at "
    "expires_at artifact error timings_ms memory page worker_id browser_generation warnings links "
    "+ external_id quarantined retry_of schedule_id scheduled_for unchanged",
    ArtifactDocument: "key url url_expires_at content_type size_bytes sha256 width_px height_px pages "
    "+ status expires_at",
    ErrorDocument: "type title detail retryable",
    TimingsDocument: "queued context navigation readiness capture upload total",
    MemoryDocument: "peak_bytes",
    PageDocument: "final_url http_status title",
    LinksDocument: "self artifact events",
}
NOW = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC)
JOB = Job(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    state=State.QUEUED,
    attempt=0,
    max_attempts=3,
    dispatch=1,
    priority=5,
    external_id=None,
    created_at=NOW,
    queued_at=NOW,
    started_at=None,
    finished_at=None,
    expires_at=None,
    artifact_key=None,
    artifact=None,
    error_type=None,
    error_detail=None,
    page=None,
    timings_ms=None,
    memory_peak_bytes=None,
    worker_id=None,
    browser_generation=None,
    warnings=[],
)


def test_the_fields_are_those_of_the_contract() -> None:
    for model, fields in CONTRACT.items():
        assert set(model.model_fields) == set(fields.split()) - {"+"}, model


def test_the_example_is_a_valid_document() -> None:
    example = JobDocument.model_json_schema()["examples"][0]
    assert JobDocument.model_validate(example).model_dump(mode="json") == example


def test_ids_are_text_and_times_are_rfc_3339_in_utc() -> None:
    document = JobDocument.of(JOB).model_dump(mode="json")
    assert document["id"] == "00000000-0000-0000-0000-000000000001"
    assert document["created_at"] == "2026-01-31T12:00:00.005000Z"
    assert (document["artifact"], document["error"], document["page"]) == (None, None, None)
    assert document["memory"] == {"peak_bytes": None}


def test_the_tenant_and_the_queue_stay_inside() -> None:
    text = JobDocument.of(JOB).model_dump_json()
    for inner in (str(JOB.tenant_id), "dispatch", "tenant", "queued_at"):
        assert inner not in text
