"""What a document says of itself: its title, author and language, in both places where programs look."""

from collections.abc import Mapping
from typing import Final

import pikepdf
from pikepdf import Dictionary, Name, String

_OF_DOCINFO: Final = {
    "title": "/Title",
    "author": "/Author",
    "subject": "/Subject",
    "keywords": "/Keywords",
    "creator": "/Creator",
}


def label(pdf: pikepdf.Pdf, labels: Mapping[str, str]) -> None:
    """Set the labels that are given; the others stay as they are.

    They go into the document information and, with what stands there already, into the XMP packet
    (ISO 32000-2, 14.3), which newer programs read.
    """
    for name, key in _OF_DOCINFO.items():
        if name in labels:
            pdf.docinfo[key] = labels[name]
    if "language" in labels:
        pdf.Root.Lang = String(labels["language"])
    if "title" in labels:
        preferences = pdf.Root.get(Name.ViewerPreferences)
        if not isinstance(preferences, Dictionary):
            pdf.Root.ViewerPreferences = preferences = Dictionary()
        preferences.DisplayDocTitle = True
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as packet:
        packet.load_from_docinfo(pdf.docinfo)
        if "language" in labels:
            packet["dc:language"] = [labels["language"]]
