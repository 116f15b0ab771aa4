"""Small pictures of artifacts, made when somebody asks for one: who does not look pays nothing.

One is made at a time in each process, outside of it, since pictures are a stranger's. In the usual widths
they are kept beside the artifact, for as long as that: who asks again costs one request to the store.
"""

import asyncio
from typing import Final

from api.http.problems import RefusedError
from fleet.artifacts.keys import KEPT_WIDTHS_PX, thumbnail_key
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.files.keeping import keep_beside_artifact
from fleet.jobs.job import Job
from fleet.pictures.small import small_picture
from fleet.telemetry.logs import get_logger

CONTENT_TYPE: Final = "image/webp"
# As Pillow names them. Decoding takes up to 4 bytes for each pixel of a PNG or JPEG, and 15 of a WebP
# (fleet/pictures/program.py) or AVIF. So a small picture takes at most 120 MB for a moment.
MAX_PIXELS: Final = {
    "image/png": ("PNG", 20_000_000),
    "image/jpeg": ("JPEG", 20_000_000),
    "image/webp": ("WEBP", 8_000_000),
    "image/avif": ("AVIF", 8_000_000),
}
MAX_BYTES: Final = 32 * 1024 * 1024

log = get_logger(__name__)


class Thumbnails:
    """Makes the small pictures of one API process."""

    def __init__(self, database: Database, store: Artifacts) -> None:
        self._database = database
        self._store = store
        self._turn = asyncio.Lock()

    async def of(self, job: Job, *, width: int) -> bytes:
        """A WebP of at most this width: never larger than the picture, of a high one only the top.

        Args:
            job: has an artifact that is not erased.
            width: in pixels.

        Raises:
            RefusedError: no_thumbnail, or no_artifact if it was erased meanwhile.
            UnavailableError: S3 does not answer.
        """
        _require_small_enough(job)
        kept = await self._kept(job, width)
        if kept is not None:
            return kept
        async with self._turn:
            # Of those who ask at the same time one has made it.
            return await self._kept(job, width) or await self._make(job, width)

    async def _kept(self, job: Job, width: int) -> bytes | None:
        if width not in KEPT_WIDTHS_PX:
            return None
        try:
            return await self._store.get(thumbnail_key(job.artifact_key or "", width))
        except ArtifactMissingError:
            return None

    async def _make(self, job: Job, width: int) -> bytes:
        assert job.artifact is not None, "it was checked"  # noqa: S101
        decoder, most = MAX_PIXELS[job.artifact.content_type]
        try:
            picture = await self._store.get(job.artifact_key or "")
        except ArtifactMissingError:
            raise _erased() from None
        made = await small_picture(picture, decoder=decoder, most_pixels=most, width=width)
        if made is None:
            raise RefusedError(ErrorType.NO_THUMBNAIL, "the picture cannot be decoded")
        if width in KEPT_WIDTHS_PX:
            await self._keep(job, width, made)
        return made

    async def _keep(self, job: Job, width: int, made: bytes) -> None:
        """Store it for the next caller. If the store takes nothing now, this caller has it all the same."""
        key = thumbnail_key(job.artifact_key or "", width)
        try:
            is_kept = await keep_beside_artifact(
                self._database, job_id=job.id, store=lambda: self._store.put(key, made)
            )
        except UnavailableError as error:
            log.warning("a small picture is not kept", job_id=str(job.id), error=repr(error.__cause__))
            return
        if not is_kept:
            raise _erased()


def _erased() -> RefusedError:
    return RefusedError(ErrorType.NO_ARTIFACT, "the artifact was erased")


def _require_small_enough(job: Job) -> None:
    """Do nothing if there can be a small picture of the artifact of this job.

    Raises:
        RefusedError: no_thumbnail.
    """
    facts = job.artifact
    assert facts is not None, "the caller checks that there is an artifact"  # noqa: S101
    if facts.content_type not in MAX_PIXELS:
        kinds = ", ".join(kind.removeprefix("image/") for kind in MAX_PIXELS)
        raise RefusedError(
            ErrorType.NO_THUMBNAIL,
            f"the artifact is {facts.content_type}; there are small pictures of {kinds}",
        )
    decoder, most = MAX_PIXELS[facts.content_type]
    pixels = (facts.width_px or 0) * (facts.height_px or 0)
    if not 0 < pixels <= most:
        detail = f"the picture has {pixels:,} pixels; at most {most:,} are made small for {decoder}"
        raise RefusedError(ErrorType.NO_THUMBNAIL, detail)
    if facts.size_bytes > MAX_BYTES:
        detail = f"the picture is {facts.size_bytes:,} bytes long; at most {MAX_BYTES:,} are made small"
        raise RefusedError(ErrorType.NO_THUMBNAIL, detail)
