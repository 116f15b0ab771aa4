"""How the result of a job is shown on its page: as a picture, as words, or as a file to open."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from api.ui.pages.small_picture import SmallPicture, small_picture
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.jobs.job import Job

# Of words the first so many bytes are on the page.
SHOWN_BYTES: Final = 24 * 1024
# A browser takes 4 bytes for each pixel that it shows. Above this it is shown on demand alone.
MOST_PIXELS_SHOWN: Final = 40_000_000
_IMAGE: Final = "image/"
_WORDS: Final = ("text/", "multipart/related")


class ResultKind(StrEnum):
    """In which way a result is shown."""

    NONE = "none"
    PICTURE = "picture"
    LARGE_PICTURE = "large picture"
    PDF = "pdf"
    WORDS = "words"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class ShownResult:
    """The result of a job as its page shows it.

    Attributes:
        kind: in which way.
        instead: what stands in its place, where nothing can be shown.
        text: the beginning of its words; None: it has none, or they could not be read.
        is_cut: whether there are more words.
    """

    kind: ResultKind
    instead: SmallPicture
    text: str | None = None
    is_cut: bool = False


async def result_of(job: Job, store: Artifacts) -> ShownResult:
    """What is shown of the result of a job.

    Raises:
        UnavailableError: S3 does not answer.
    """
    facts, instead = job.artifact, small_picture(job)
    if facts is None or job.artifact_key is None:
        return ShownResult(ResultKind.NONE, instead)
    if job.artifact_erased_at is not None:
        return ShownResult(ResultKind.ERASED, instead)
    if facts.content_type.startswith(_IMAGE):
        is_large = (facts.width_px or 0) * (facts.height_px or 0) > MOST_PIXELS_SHOWN
        return ShownResult(ResultKind.LARGE_PICTURE if is_large else ResultKind.PICTURE, instead)
    if not facts.content_type.startswith(_WORDS):
        return ShownResult(ResultKind.PDF, instead)
    last = min(SHOWN_BYTES, facts.size_bytes) - 1
    try:
        read = b"".join([piece async for piece in store.read(job.artifact_key, first=0, last=last)])
    except ArtifactMissingError:
        return ShownResult(ResultKind.ERASED, instead)
    return ShownResult(
        ResultKind.WORDS, instead, read.decode("utf-8", "replace"), is_cut=facts.size_bytes > SHOWN_BYTES
    )
