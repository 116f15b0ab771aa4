"""How a page becomes a PDF. What the object holds is in `fleet/render/pdf`, one module for each group."""

from pydantic import BaseModel, ConfigDict, Field

from fleet.render.pdf.document import PdfDocument


class PdfOptions(BaseModel):
    """Options of a PDF; other formats refuse them (`RenderRequest`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pdf: PdfDocument | None = Field(
        default=None,
        description="Paper, margins, header and footer, and what else a PDF has. For `format` pdf.",
        examples=[{"format": "A4", "margin": {"top": "2cm", "bottom": "2cm"}}],
    )
