"""Puts files into a document."""

from collections.abc import Sequence
from pathlib import Path

import pikepdf
from pikepdf import AttachedFileSpec, Name

from worker.render.after_print.program.order import Attachment


def attach(pdf: pikepdf.Pdf, attachments: Sequence[Attachment]) -> None:
    """Attach files, each as an associated file of the document (ISO 32000-2, 14.13), as pikepdf does it."""
    for attachment in attachments:
        spec = AttachedFileSpec(
            pdf,
            Path(attachment["path"]).read_bytes(),
            filename=attachment["name"],
            mime_type=attachment["content_type"],
            description=attachment["description"],
            relationship=Name(f"/{attachment['relationship']}"),
        )
        pdf.attachments[attachment["name"]] = spec
