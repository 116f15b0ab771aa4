"""Files that are written: their names and formats."""

import re
import sys
from pathlib import Path
from typing import Any, Final

from renderfleet.cli.output.terminal import NOTES, clean
from renderfleet.models.jobs import Job

# The format of a render by the ending of the file.
FORMATS: Final = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
    ".pdf": "pdf",
    ".html": "html",
    ".mhtml": "mhtml",
    ".txt": "text",
    ".md": "markdown",
}
_ENDINGS: Final = {"jpeg": ".jpg", "text": ".txt", "markdown": ".md"}
_LONGEST: Final = 80


def format_of(output: str | None, default: str) -> str:
    """The format that the name of a file asks for."""
    return FORMATS.get(Path(output or "").suffix.lower(), default)


def free_name(source: str, format_: str) -> str:
    """A name that no file has, made of an address: `example-com.png`, then `example-com.1.png`."""
    words = re.sub(r"^https?://(www\.)?", "", source)
    stem = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:_LONGEST] or "page"
    ending = _ENDINGS.get(format_, f".{format_}")
    name, number = f"{stem}{ending}", 0
    while Path(name).exists():
        number += 1
        name = f"{stem}.{number}{ending}"
    return name


def write(output: str, content: bytes, job: Job) -> None:
    """Write a file, or standard output for `-`, and tell what it is."""
    if output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_bytes(content)
    NOTES.print(f"{output if output != '-' else 'written'}: {facts(job)}", markup=False)
    for warning in job.warnings:
        NOTES.print(f"  {clean(warning)}", style="yellow", markup=False)


def facts(job: Job) -> str:
    """Size, pixels or pages, time, job, in one line."""
    artifact, timings = job.artifact, job.timings_ms
    words: list[Any] = []
    if artifact is not None:
        words += [f"{artifact.width_px} x {artifact.height_px}"] if artifact.width_px else []
        words += [f"{artifact.pages} pages" if artifact.pages != 1 else "1 page"] if artifact.pages else []
        words.append(f"{artifact.size_bytes:,} bytes")
    if timings is not None and timings.total is not None:
        words.append(f"{timings.total / 1000:.2f} s")
    return ", ".join([*words, f"job {job.id}"])
