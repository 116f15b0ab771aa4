"""What a list says of a job: what it is about, and what stands for its picture."""

from datetime import timedelta

import pytest

from api.ui.pages.jobs.job_line import JobLine, Subject
from fleet.jobs.facts import ArtifactFacts
from fleet.jobs.job import Job, State
from tests.kit.data.plain_job import ACCEPTED_AT, plain_job


def ended(facts: ArtifactFacts | None, **changes: object) -> Job:
    known: dict[str, object] = {"state": State.SUCCEEDED, "artifact": facts, "artifact_key": "key"}
    return plain_job(**known | changes)


PNG = ArtifactFacts("image/png", size_bytes=1000, sha256="00", width_px=1280, height_px=800)


@pytest.mark.parametrize(
    ("request_", "sealed", "host", "rest"),
    [
        ({"url": "https://example.com/"}, None, "example.com", ""),
        ({"url": "https://user:pass@example.com:81/a?b=<c>#d"}, None, "example.com:81", "/a?b=<c>#d"),
        ({"url": "https://[2001:db8::1]/x"}, None, "[2001:db8::1]", "/x"),
        ({"url": "https://[broken/"}, None, "https://[broken/", ""),
        ({}, ["headers", "html"], "HTML", ""),
        ({}, ["data", "template"], "template", ""),
        ({}, None, "no address", ""),
    ],
)
def test_a_line_says_what_a_job_is_about(
    request_: dict[str, object], sealed: list[str] | None, host: str, rest: str
) -> None:
    assert Subject.of(plain_job(request=request_, sealed_fields=sealed)) == Subject(host, rest)


@pytest.mark.parametrize(
    ("job", "kind", "why"),
    [
        (plain_job(), "waiting", ""),
        (plain_job(state=State.RUNNING), "rendering", ""),
        (plain_job(state=State.CANCELLED), "cancelled", ""),
        (plain_job(state=State.FAILED, error_type="tls_error"), "tls error", ""),
        (ended(ArtifactFacts("application/pdf", 9, "00", pages=500)), "PDF", "500 pages"),
        (ended(ArtifactFacts("text/html; charset=utf-8", 9, "00")), "HTML", ""),
        (
            ended(ArtifactFacts("image/png", 9, "00", width_px=1280, height_px=100_000)),
            "1,280 x 100,000 px",
            "too large for a small picture: at most 20 million pixels",
        ),
        (
            ended(ArtifactFacts("image/webp", 9, "00", width_px=4000, height_px=3000)),
            "4,000 x 3,000 px",
            "too large for a small picture: at most 8 million pixels",
        ),
        (
            ended(ArtifactFacts("image/png", 40 * 2**20, "00", width_px=1280, height_px=800)),
            "1,280 x 800 px",
            "too large for a small picture: at most 32 MiB",
        ),
        (
            ended(PNG, artifact_erased_at=ACCEPTED_AT, erase_at=ACCEPTED_AT),
            "erased",
            "its time was over, 2026-01-31 12:00 UTC",
        ),
        (
            ended(PNG, artifact_erased_at=ACCEPTED_AT, erase_at=ACCEPTED_AT + timedelta(days=1)),
            "erased",
            "by hand, 2026-01-31 12:00 UTC",
        ),
    ],
)
def test_what_has_no_small_picture_says_why(job: Job, kind: str, why: str) -> None:
    picture = JobLine.of(job).picture
    assert (picture.address, picture.kind, picture.why) == (None, kind, why)


def test_a_picture_is_shown_by_its_small_one() -> None:
    line = JobLine.of(ended(PNG, started_at=ACCEPTED_AT, finished_at=ACCEPTED_AT + timedelta(seconds=2)))
    assert line.picture.address == "/ui/jobs/00000000-0000-0000-0000-000000000001/thumbnail?width_px=320"
    assert line.took_s == 2.0
