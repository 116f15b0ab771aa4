"""The files of a job on the worker's disk, for as long as its attempt."""

import asyncio
import codecs
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from fleet.render.files import UploadedFile, contents_of, size_of
from worker.egress.own_site.bundle import Bundle, BundleFile
from worker.egress.own_site.content_types import content_type, is_damaged_font, is_text
from worker.resources.disk import require_space

_CHUNK_BYTES: Final = 1024 * 1024
Files: TypeAlias = Mapping[str, str | UploadedFile]
# Reads so many bytes that were uploaded: all files, one after the other, in the order of the request.
ReadUpload: TypeAlias = Callable[[int], AsyncGenerator[bytes, None]]


async def _nothing(_size: int) -> AsyncGenerator[bytes, None]:
    """For requests that hold their files themselves."""
    return
    yield


@asynccontextmanager
async def unpacked(
    files: Files | None, folder: Path, read_upload: ReadUpload = _nothing
) -> AsyncIterator[Bundle | None]:
    """Write the files of a request into a folder, and remove it afterwards. None: the request has none.

    On disk they have numbers as names: what callers call them need not be a name that a file can have.

    Args:
        files: of the request.
        folder: does not exist yet.
        read_upload: reads those that were uploaded.

    Raises:
        RenderError: the disk has too little space for them, or they cannot be read.
    """
    if files is None:
        yield None
        return
    total = sum(map(size_of, files.values()))
    require_space(folder.parent, total)
    paths = {name: folder / str(number) for number, name in enumerate(files)}
    folder.mkdir()  # noqa: ASYNC240 - as all here: microseconds, and not left half done when it is cancelled
    try:
        uploaded = []
        for name, file in files.items():
            if isinstance(file, UploadedFile):
                uploaded.append((paths[name], file.size_bytes))
            else:
                paths[name].write_bytes(contents_of(file))
        if uploaded:
            async with aclosing(read_upload(total)) as pieces:
                await _write(uploaded, pieces)
        # In a thread: it reads all text once, up to 64 MiB, and only reads.
        yield Bundle(await asyncio.to_thread(_bundle_files, paths))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _write(uploaded: list[tuple[Path, int]], pieces: AsyncIterator[bytes]) -> None:
    """Cut what was uploaded into its files."""
    rest = memoryview(b"")
    for path, size in uploaded:
        with path.open("wb") as file:
            missing = size
            while missing:
                rest = rest or memoryview(await anext(pieces))
                part, rest = rest[:missing], rest[missing:]
                file.write(part)
                missing -= len(part)


def _bundle_files(paths: Mapping[str, Path]) -> dict[str, BundleFile]:
    return {name: _bundle_file(name, path) for name, path in paths.items()}


def _bundle_file(name: str, path: Path) -> BundleFile:
    is_utf8 = is_text(name) and _is_utf8(path)
    with path.open("rb") as file:
        is_damaged = is_damaged_font(name, file.read(4))
    return BundleFile(path, path.stat().st_size, content_type(name, is_utf8=is_utf8), is_damaged)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
