"""The job document has the fields of the contract, no more and no fewer."""

from datetime import UTC, datetime

from pydantic import BaseModel

from fleet.jobs.document.error import ErrorDocument
from fleet.jobs.document.files import ArtifactDocument
from fleet.jobs.document.job import JobDocument, LinksDocument
from fleet.jobs.document.render import BlockedDocument, MemoryDocument, PageDocument, TimingsDocument
from tests.kit.data.plain_job import plain_job

# shared design, "Job document", and behind "+" what came on top: what the queue can do since.
CONTRACT: dict[type[BaseModel], str] = {
    JobDocument: "id request status attempt max_attempts priority created_at started_at finished_at "
    "expires_at artifact error timings_ms memory page worker_id browser_generation warnings links "
    "+ external_id quarantined retry_of schedule_id scheduled_for unchanged evidence replay_of blocked "
    "verdict comparison",
    ArtifactDocument: "key url url_expires_at content_type size_bytes sha256 width_px height_px pages "
    "+ status expires_at",
    ErrorDocument: "type title detail retryable",
    TimingsDocument: "queued context navigation readiness capture upload total",
    MemoryDocument: "peak_bytes",
    PageDocument: "final_url http_status title language",
    BlockedDocument: "ads trackers banners banners_refused popups requests bytes",
    LinksDocument: "self artifact events + evidence",
}
NOW = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=UTC)
JOB = plain_job(created_at=NOW, queued_at=NOW)


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
