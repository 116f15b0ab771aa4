"""What stands for a job in a list: a small picture of its artifact, or words for why there is none."""

from dataclasses import dataclass
from typing import Final

from api.jobs.thumbnails import MAX_BYTES, MAX_PIXELS
from api.ui.dashboard_page import ROOT
from fleet.jobs.job import Job, State

# Of all lists, so that a browser that has it for one shows it in all.
WIDTH_PX: Final = 320
_MILLION: Final = 1_000_000
_KINDS: Final = {
    "application/pdf": "PDF",
    "text/html": "HTML",
    "multipart/related": "MHTML",
    "text/plain": "Text",
    "text/markdown": "Markdown",
}


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A small picture, or what stands in its place.

    Attributes:
        address: of the picture; None: there is none.
        kind: in its place, a word or two.
        why: in its place, more words; empty: nothing more to say.
    """

    address: str | None
    kind: str = ""
    why: str = ""


def small_picture(job: Job) -> SmallPicture:
    """What stands for a job."""
    facts = job.artifact
    if not job.state.is_terminal:
        return SmallPicture(None, "waiting" if job.state is State.QUEUED else "rendering")
    if facts is None or job.artifact_key is None:
        return SmallPicture(None, (job.error_type or job.state.value).replace("_", " "))
    if job.artifact_erased_at is not None:
        why = "by hand" if job.is_erased_early else "its time was over"
        return SmallPicture(None, "erased", f"{why}, {job.artifact_erased_at:%Y-%m-%d %H:%M} UTC")
    return of_artifact(
        address_of(str(job.id)),
        facts.content_type,
        width_px=facts.width_px,
        height_px=facts.height_px,
        size_bytes=facts.size_bytes,
        pages=facts.pages,
    )


def address_of(job_id: str) -> str:
    """The address of the small picture of a job."""
    return f"{ROOT}/jobs/{job_id}/thumbnail?width_px={WIDTH_PX}"


def of_artifact(
    address: str,
    content_type: str,
    *,
    width_px: int | None,
    height_px: int | None,
    size_bytes: int,
    pages: int | None = None,
) -> SmallPicture:
    """What stands for an artifact that is stored.

    Args:
        address: of its small picture, if one can be made.
        content_type: of the artifact.
        width_px: of a picture.
        height_px: of a picture.
        size_bytes: of the file.
        pages: of a PDF.
    """
    media_type = content_type.partition(";")[0]
    if media_type not in MAX_PIXELS:
        why = "" if pages is None else f"{pages:,} page{'' if pages == 1 else 's'}"
        return SmallPicture(None, _KINDS.get(media_type, media_type), why)
    most = MAX_PIXELS[media_type][1]
    size = f"{width_px or 0:,} x {height_px or 0:,} px"
    if not 0 < (width_px or 0) * (height_px or 0) <= most:
        return SmallPicture(
            None, size, f"too large for a small picture: at most {most // _MILLION} million pixels"
        )
    if size_bytes > MAX_BYTES:
        return SmallPicture(None, size, f"too large for a small picture: at most {MAX_BYTES // 2**20} MiB")
    return SmallPicture(address)
