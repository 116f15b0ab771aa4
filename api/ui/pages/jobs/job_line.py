"""A job as one line or one card of a list."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from api.ui.pages.small_picture import SmallPicture, small_picture
from fleet.jobs.document.error import ErrorDocument, error_of
from fleet.jobs.job import Job
from fleet.render.options.output import Format

# What a job renders that has no address, by the secret field that it has.
_SOURCES: dict[str, str] = {
    "files": "uploaded files",
    "html": "HTML",
    "template": "template",
    "markdown": "Markdown",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a job is about.

    Attributes:
        host: of its address; or what else it renders, in words.
        rest: the address after the host; empty if there is nothing but a slash, or no address.
    """

    host: str
    rest: str = ""

    @classmethod
    def of(cls, job: Job) -> Self:
        """What a job is about."""
        url = job.request.get("url")
        if isinstance(url, str):
            try:
                parts = urlsplit(url)
            except ValueError:
                return cls(url)
            rest = parts._replace(scheme="", netloc="").geturl()
            return cls(parts.netloc.rpartition("@")[2] or url, "" if rest == "/" else rest)
        names = job.sealed_fields or ()
        return cls(next((words for field, words in _SOURCES.items() if field in names), "no address"))


@dataclass(frozen=True, slots=True)
class JobLine:
    """What a list says of a job.

    Attributes:
        took_s: how long its last attempt took; None: it has none that has ended.
        format: of its result.
    """

    job: Job
    subject: Subject
    picture: SmallPicture
    error: ErrorDocument | None
    took_s: float | None
    format: str

    @classmethod
    def of(cls, job: Job) -> Self:
        """The line of a job."""
        took = None
        if job.started_at is not None and job.finished_at is not None:
            took = max(0.0, (job.finished_at - job.started_at).total_seconds())
        return cls(
            job=job,
            subject=Subject.of(job),
            picture=small_picture(job),
            error=error_of(job),
            took_s=took,
            format=str(job.request.get("format", Format.PNG.value)),
        )

    @property
    def title(self) -> str:
        """What the page calls itself; empty if nothing."""
        return (self.job.page.title or "") if self.job.page is not None else ""
