"""Small pictures of artifacts, made when somebody asks for one: who does not look pays nothing.

One is made at a time in each process, in a thread: a picture is decoded as a whole. Pillow is loaded with the
first one, as it takes 6 MB.
"""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from api.http.problems import RefusedError
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.errors import ErrorType
from fleet.jobs.job import Job

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
# Of a page that is higher only the top is shown. Its whole would be too small to see anything.
MAX_HEIGHT_IN_WIDTHS: Final = 2
_QUALITY: Final = 75


class Thumbnails:
    """Makes the small pictures of one API process. `close` at the end."""

    def __init__(self, store: Artifacts) -> None:
        self._store = store
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")

    async def make(self, job: Job, *, width: int) -> bytes:
        """A WebP of at most this width: never larger than the picture, of a high one only the top.

        Args:
            job: has an artifact that is not erased.
            width: in pixels.

        Raises:
            RefusedError: no_thumbnail, or no_artifact if it was erased meanwhile.
            UnavailableError: S3 does not answer.
        """
        decoder, size_bytes = _checked(job)
        async with self._turn:
            picture = bytearray()
            try:
                async for piece in self._store.read(job.artifact_key or "", first=0, last=size_bytes - 1):
                    picture += piece
            except ArtifactMissingError:
                raise RefusedError(ErrorType.NO_ARTIFACT, "the artifact was erased") from None
            made = await asyncio.get_running_loop().run_in_executor(
                self._thread, _small, picture, decoder, width
            )
        if made is None:
            raise RefusedError(ErrorType.NO_THUMBNAIL, "the picture cannot be decoded")
        return made

    def close(self) -> None:
        """Start no more. One that is being made is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _checked(job: Job) -> tuple[str, int]:
    """The name of the decoder for the artifact of a job, and the artifact's length in bytes.

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
    return decoder, facts.size_bytes


def _small(picture: bytearray, decoder: str, width: int) -> bytes | None:
    """The picture in small, as WebP. None: it is no picture of this kind. Takes up to a second."""
    from PIL import Image  # noqa: PLC0415 - see the module's first lines

    most = next(pixels for name, pixels in MAX_PIXELS.values() if name == decoder)
    try:
        with Image.open(io.BytesIO(picture), formats=(decoder,)) as opened:
            # The file itself counts, not what was recorded of it.
            if opened.width * opened.height > most:
                return None
            height = min(opened.height, opened.width * MAX_HEIGHT_IN_WIDTHS)
            shown = opened.crop((0, 0, opened.width, height))
            if shown.mode not in ("RGB", "RGBA"):
                shown = shown.convert("RGBA" if opened.has_transparency_data else "RGB")
            scale = min(1.0, width / opened.width)
            size = max(1, round(opened.width * scale)), max(1, round(height * scale))
            made = io.BytesIO()
            shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).save(
                made, "WEBP", quality=_QUALITY
            )
    # Pillow raises these errors for broken files; UnidentifiedImageError is an OSError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return made.getvalue()
