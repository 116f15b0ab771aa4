"""What `screenshot` and `pdf` return: the bytes and the job that has made them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from renderfleet.models.jobs import Job

# Inside the class, `bytes` is the attribute.
_Content: TypeAlias = bytes


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture or document, and its job.

    Attributes:
        job: the job, which has succeeded.
        bytes: the file.
    """

    job: Job
    bytes: _Content = field(repr=False)

    @property
    def content_type(self) -> str:
        """Its media type."""
        return self.job.artifact.content_type if self.job.artifact else ""

    @property
    def width(self) -> int | None:
        """Width of a picture in device pixels."""
        return self.job.artifact.width_px if self.job.artifact else None

    @property
    def height(self) -> int | None:
        """Height of a picture in device pixels."""
        return self.job.artifact.height_px if self.job.artifact else None

    @property
    def pages(self) -> int | None:
        """Pages of a PDF."""
        return self.job.artifact.pages if self.job.artifact else None

    def save(self, path: str | Path) -> Path:
        """Write the file; returns its path. A file of this name is replaced."""
        target = Path(path)
        target.write_bytes(self.bytes)
        return target
