"""Writes the artifact to disk and says what it is."""

import asyncio
import hashlib
from pathlib import Path
from typing import IO, Final

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts
from fleet.render.options.output import CONTENT_TYPES, PICTURES, Format
from worker.render.context import Render
from worker.render.file_facts import count_pages, picture_size
from worker.render.picture.ignored import ignored_boxes
from worker.resources.disk import full_error, means_full

# More than this is written and hashed in a thread: other renders need the loop.
_BIG_BYTES: Final = 1024 * 1024


async def run(render: Render) -> None:
    """Write `render.content` to `render.path`; hash and count it on the way.

    Raises:
        RenderError: `artifact_too_large`, `storage_unavailable` when the disk is full, or what reading the
            content raises.
    """
    try:
        render.artifact = await _write_all(render)
    except OSError as error:
        if means_full(error):
            raise full_error(render.path.parent) from error
        raise


async def _write_all(render: Render) -> ArtifactFacts:
    assert render.content is not None, "a step that captures comes first"  # noqa: S101
    format_ = render.request.format
    digest = hashlib.sha256()
    size_bytes = 0
    head = b""
    with render.path.open("wb") as file:
        async for piece in render.content:
            size_bytes += len(piece)
            if size_bytes > render.max_bytes:
                detail = f"it has more than {render.max_bytes:,} bytes, which is the largest that is allowed"
                raise RenderError(ErrorType.ARTIFACT_TOO_LARGE, detail)
            head = head or piece
            if len(piece) > _BIG_BYTES:
                await asyncio.to_thread(_write, file, digest, piece)
            else:
                _write(file, digest, piece)
    if not size_bytes:
        raise RenderError(ErrorType.INTERNAL_ERROR, "the browser gave an empty picture or document")
    size = picture_size(head) if format_ in PICTURES else None
    return ArtifactFacts(
        content_type=CONTENT_TYPES[format_],
        size_bytes=size_bytes,
        sha256=digest.hexdigest(),
        width_px=size and size[0],
        height_px=size and size[1],
        ignored=None if size is None else ignored_boxes(render, size),
        pages=(render.pages or _pages(render.path)) if format_ is Format.PDF else None,
    )


def _pages(path: Path) -> int | None:
    with path.open("rb") as file:
        return count_pages(file)


def _write(file: IO[bytes], digest: "hashlib._Hash", piece: bytes) -> None:
    file.write(piece)
    digest.update(piece)
