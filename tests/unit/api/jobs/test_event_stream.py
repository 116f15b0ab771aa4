"""The text of an event, and what a document of a moment that is over can still know."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from api.jobs.event_stream import event, job_at
from api.jobs.moments import Moment
from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job, State
from tests.kit.data.facts import PICTURE

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
# What a job is from its acceptance on.
LASTING = {
    "id": UUID(int=1),
    "tenant_id": UUID(int=2),
    "max_attempts": 3,
    "dispatch": 3,
    "priority": 5,
    "external_id": "invoice-7",
    "created_at": NOW,
    "queued_at": NOW,
    "run_after": NOW,
    "expires_at": NOW,
    "request": {"html": "<p>a</p>"},
}
RESULT: dict[str, Any] = {
    "state": State.SUCCEEDED,
    "attempt": 2,
    "started_at": NOW,
    "finished_at": NOW,
    "artifact_key": "a/b.png",
    "artifact": PICTURE,
    "artifact_erased_at": NOW,
    "erase_at": NOW,
    "error_type": "tls_error",
    "error_detail": "first line\nsecond line",
    "page": {"final_url": "https://example.com/", "http_status": 200, "title": "a\r\nb\u2028c"},
    "timings_ms": {"total": 1.0},
    "memory_peak_bytes": 5,
    "worker_id": UUID(int=3),
    "browser_generation": 4,
    "warnings": ["an image did not load"],
    "quarantined_at": NOW,
    "unchanged": True,
}
KNOWN = {**LASTING, **RESULT}
VALUES: dict[str, Any] = {field.name: KNOWN.get(field.name) for field in dataclasses.fields(Job)}
JOB = Job(**VALUES)
UNKNOWN: dict[str, Any] = {name: None for name in RESULT if name not in ("state", "attempt", "warnings")}
ACCEPTED = dataclasses.replace(
    JOB,
    **UNKNOWN,
    state=State.QUEUED,
    attempt=0,
    warnings=[],
)


def signed(job: Job) -> SignedAddress | None:
    return SignedAddress("https://s3.example.com/a", NOW) if job.artifact_key else None


def fields(text: bytes) -> dict[str, str]:
    assert text.endswith(b"\n\n")
    lines = text.decode().removesuffix("\n\n").split("\n")
    return dict(line.split(": ", 1) for line in lines)


def test_an_event_is_three_lines_and_its_data_the_document() -> None:
    text = event(JOB, Moment.of(JOB), signed)
    found = fields(text)
    assert (found["id"], found["event"]) == ("2-succeeded", "succeeded")
    assert json.loads(found["data"]) == JobDocument.of(JOB, signed(JOB)).model_dump(mode="json")
    assert json.loads(found["data"])["artifact"]["url"] == "https://s3.example.com/a"
    assert b"\r" not in text


@pytest.mark.parametrize("moment", [Moment(State.QUEUED, 1), Moment(State.RUNNING, 1)])
def test_an_earlier_moment_knows_what_a_new_job_knows_and_nothing_else(moment: Moment) -> None:
    expected = JobDocument.of(ACCEPTED).model_dump(mode="json")
    expected |= {"status": moment.state, "attempt": moment.attempt}
    assert json.loads(fields(event(JOB, moment, signed))["data"]) == expected


def test_the_last_attempt_is_known_to_have_begun_then_and_there() -> None:
    then = job_at(JOB, Moment(State.RUNNING, 2))
    assert (then.state, then.attempt) == (State.RUNNING, 2)
    assert (then.started_at, then.worker_id) == (NOW, JOB.worker_id)
    assert (then.finished_at, then.artifact_key, then.browser_generation) == (None, None, None)
