"""A job that puts the PDF of another job into its own, with a whole worker."""

import io
from typing import Any

import pypdf

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.errors import ErrorType
from fleet.jobs.job import Job, State
from tests.kit.stages.stage import Stage


async def texts(job: Job, settings: StorageSettings) -> list[str]:
    """What is to be read on each page of the job's artifact."""
    assert job.artifact_key is not None, job.error_detail
    assert job.artifact is not None
    store = Artifacts(settings)
    try:
        last = job.artifact.size_bytes - 1
        pieces = [piece async for piece in store.read(job.artifact_key, first=0, last=last)]
    finally:
        store.close()
    return [page.extract_text().strip() for page in pypdf.PdfReader(io.BytesIO(b"".join(pieces))).pages]


async def test_a_job_takes_the_pdf_of_another_one_as_long_as_it_is_stored(
    stage: Stage, storage_settings: StorageSettings
) -> None:
    async with stage.worker():
        cover = await stage.ended(await stage.enqueue(html="<h1>cover</h1>", format="pdf"))
        report: dict[str, Any] = {
            "html": "<h1>report</h1>",
            "format": "pdf",
            "pdf": {"prepend": [str(cover.id)] * 2},
        }
        merged = await stage.ended(await stage.enqueue(**report))
        assert await texts(merged, storage_settings) == ["cover", "cover", "report"]
        assert merged.artifact is not None
        assert merged.artifact.pages == 3
        await stage.database.execute("UPDATE jobs SET artifact_erased_at = now() WHERE id = $1", cover.id)
        late = await stage.ended(await stage.enqueue(**report))
    assert (late.state, late.error_type, late.attempt) == (State.FAILED, ErrorType.INVALID_REQUEST, 1)
    reason = "is a job whose pdf was erased"
    assert late.error_detail == f"pdf.prepend.0.job: {reason}"
