"""What is done to a PDF after it was printed."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from fleet.input.field_errors import rule_error
from fleet.render.pdf.attachments import MAX_ATTACHMENTS, PdfAttachment
from fleet.render.pdf.given_file import GivenFile
from fleet.render.pdf.merge import MergeOptions, PdfPart
from fleet.render.pdf.metadata import PdfMetadata
from fleet.render.pdf.password import PdfPassword
from fleet.render.pdf.watermark import PdfWatermark


class AfterPrintOptions(MergeOptions):
    """Labels, protection, attachments, watermark, and what is merged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metadata: PdfMetadata | None = Field(
        default=None, description="Title, author and language of the document.", examples=[{"author": "ACME"}]
    )
    password: PdfPassword | None = Field(
        default=None,
        repr=False,
        description="Encrypts the document. Stored sealed, and erased at the job's end.",
    )
    attachments: tuple[PdfAttachment, ...] = Field(
        default=(), max_length=MAX_ATTACHMENTS, description="Files inside of the document."
    )
    watermark: PdfWatermark | None = Field(
        default=None, description="A text, picture or pdf on each page.", examples=[{"text": "DRAFT"}]
    )
    pdf_a: bool = Field(
        default=False, description="Reserved: PDF/A cannot be made, as nothing here could validate it."
    )

    @model_validator(mode="after")
    def _attachments_have_names_of_their_own(self) -> Self:
        seen: set[str] = set()
        for index, attachment in enumerate(self.attachments):
            if attachment.name in seen:
                raise rule_error(f"attachments.{index}.name", "is the name of an attachment before it, too")
            seen.add(attachment.name)
        return self

    @model_validator(mode="after")
    def _no_claim_is_made(self) -> Self:
        if self.pdf_a:
            raise rule_error(
                "pdf_a",
                "cannot be true: renderfleet makes no PDF/A, as it could not validate it",
                allowed="false",
            )
        return self

    @property
    def is_changed_after_print(self) -> bool:
        """Whether the document is changed at all after it was printed."""
        whole = (self.metadata, self.password, self.watermark, self.pages)
        lists = (self.attachments, self.prepend, self.append, self.rotate)
        return any(option is not None for option in whole) or any(lists)

    @property
    def given_files(self) -> dict[str, GivenFile]:
        """All that was given as a file or its bytes, under the names of their options."""
        found: dict[str, GivenFile] = dict(self.parts)
        found |= {f"pdf.attachments.{index}": given for index, given in enumerate(self.attachments)}
        if self.watermark is not None and self.watermark.image is not None:
            found["pdf.watermark.image"] = self.watermark.image
        return found

    @property
    def parts(self) -> dict[str, PdfPart]:
        """All PDFs that were given, under the names of their options, such as `pdf.prepend.0`."""
        found = {f"pdf.prepend.{index}": part for index, part in enumerate(self.prepend)}
        found |= {f"pdf.append.{index}": part for index, part in enumerate(self.append)}
        if self.watermark is not None and self.watermark.pdf is not None:
            found["pdf.watermark.pdf"] = self.watermark.pdf
        return found
