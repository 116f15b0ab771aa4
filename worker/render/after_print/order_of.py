"""Makes the order of a request: what was asked for, with the paths of files that hold what was given."""

import secrets
from pathlib import Path
from typing import Final
from uuid import UUID

from fleet.errors import ErrorType, RenderError
from fleet.jobs.files.own_pdfs import UnusableJobError
from fleet.render.options.output import Optimize
from fleet.render.pdf.document import PdfDocument
from fleet.render.pdf.given_file import GivenFile
from fleet.render.pdf.merge import MAX_PAGES, PdfPart
from fleet.render.pdf.metadata import PdfMetadata
from fleet.render.pdf.page_selection import ranges
from fleet.render.pdf.password import PdfPassword, Permission
from fleet.render.pdf.watermark import Layer, PdfWatermark
from worker.egress.own_site.bundle import Bundle
from worker.render.after_print.mark import print_image, print_text
from worker.render.after_print.program.order import Attachment, Document, Order, Protection, Ranges, Stamp
from worker.render.context import Render

_TEXT_OPACITY: Final = 0.3
_TEXT_DEGREES: Final = -45.0
_SHARES: Final = {"text": 0.8, "image": 0.5, "pdf": 1.0}


async def order_of(render: Render, options: PdfDocument, folder: Path) -> Order:
    """The order of a request.

    Args:
        render: the render whose document was printed; its page prints watermarks.
        options: of the request.
        folder: where the printed document lies, as `printed`; gets the other files.

    Raises:
        RenderError: `invalid_request`: something that was given cannot be used.
    """
    files = _Files(render, folder)
    await files.fetch_jobs(options)
    before = [files.document(part, f"pdf.prepend.{index}") for index, part in enumerate(options.prepend)]
    after = [files.document(part, f"pdf.append.{index}") for index, part in enumerate(options.append)]
    printed = Document(path=str(folder / "printed"), field="", pages=None)
    return Order(
        documents=[*before, printed, *after],
        printed=len(before),
        pages=_ranges(options.pages),
        rotations=[{"degrees": turn.degrees, "pages": _ranges(turn.pages)} for turn in options.rotate],
        stamp=None if options.watermark is None else await _stamp(files, options.watermark),
        labels=_labels(options.metadata),
        attachments=_attachments(files, options),
        protection=_protection(options.password),
        is_small=render.request.optimize is Optimize.SIZE,
        output=str(folder / "finished"),
        max_pages=MAX_PAGES,
    )


class _Files:
    """Puts what was given into files."""

    def __init__(self, render: Render, folder: Path) -> None:
        self.render = render
        self.folder = folder
        self._jobs: dict[UUID, Path] = {}
        self._count = 0

    def new_path(self) -> Path:
        self._count += 1
        return self.folder / str(self._count)

    async def fetch_jobs(self, options: PdfDocument) -> None:
        """Read the PDFs of all jobs that are named."""
        parts = options.parts
        self._jobs = {part.job: self.new_path() for part in parts.values() if part.job is not None}
        if not self._jobs:
            return
        fetch = self.render.fetch_own_pdfs
        assert fetch is not None, "an attempt at a job has it"  # noqa: S101
        try:
            await fetch(self._jobs)
        except UnusableJobError as error:
            field = next(name for name, part in parts.items() if part.job == error.job_id)
            raise RenderError(ErrorType.INVALID_REQUEST, f"{field}.job: {error}") from error

    def document(self, part: PdfPart, field: str) -> Document:
        path = self.path_of(part, field) if part.job is None else self._jobs[part.job]
        return Document(path=str(path), field=field, pages=_ranges(part.pages))

    def path_of(self, given: GivenFile, field: str) -> Path:
        """The file with what was given.

        Raises:
            RenderError: `invalid_request`: the job has no file of this name.
        """
        if (data := given.data) is not None:
            path = self.new_path()
            path.write_bytes(data)
            return path
        bundle = self.render.terms.own_site
        found = bundle.path_of(given.file or "") if isinstance(bundle, Bundle) else None
        if found is None:
            raise RenderError(ErrorType.INVALID_REQUEST, f"{field}.file: the job has no file of this name")
        return found


async def _stamp(files: _Files, watermark: PdfWatermark) -> Stamp:
    page = files.render.page
    share, opacity, degrees = _SHARES["pdf"], 1.0, 0.0
    if watermark.pdf is not None:
        field = "pdf.watermark.pdf"
        document = files.document(watermark.pdf, field)
        path, pages = Path(document["path"]), document["pages"]
    else:
        path, pages = files.new_path(), None
        if watermark.image is not None:
            field, share = "pdf.watermark.image", _SHARES["image"]
            await print_image(page, files.path_of(watermark.image, field).read_bytes(), path)
        else:
            field, share = "pdf.watermark.text", _SHARES["text"]
            opacity, degrees = _TEXT_OPACITY, _TEXT_DEGREES
            await print_text(page, watermark.text or "", watermark.color, path)
    return Stamp(
        path=str(path),
        field=field,
        page=1 if pages is None else pages[0][0],
        opacity=opacity if watermark.opacity is None else watermark.opacity,
        degrees=degrees if watermark.rotation is None else watermark.rotation,
        share=share if watermark.scale is None else watermark.scale,
        is_over=watermark.layer is Layer.OVER,
        pages=_ranges(watermark.pages),
    )


def _ranges(selection: str | None) -> Ranges | None:
    return None if selection is None else ranges(selection)


def _labels(metadata: PdfMetadata | None) -> dict[str, str]:
    if metadata is None:
        return {}
    given = metadata.model_dump(exclude_none=True)
    return {name: ", ".join(value) if name == "keywords" else value for name, value in given.items()}


def _attachments(files: _Files, options: PdfDocument) -> list[Attachment]:
    return [
        Attachment(
            path=str(files.path_of(attachment, f"pdf.attachments.{index}")),
            name=attachment.name,
            content_type=attachment.media_type,
            relationship=attachment.relationship.value.title(),
            description=attachment.description or "",
        )
        for index, attachment in enumerate(options.attachments)
    ]


def _protection(password: PdfPassword | None) -> Protection | None:
    if password is None:
        return None
    permissions = tuple(Permission) if password.permissions is None else password.permissions
    # An empty owner's password is one that everybody knows: it would lift the permissions.
    owner = password.owner or secrets.token_urlsafe(32)
    return Protection(
        user=password.user or "", owner=owner, permissions=[permission.value for permission in permissions]
    )
