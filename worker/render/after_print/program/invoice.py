"""Marks a document that holds its invoice as data, so that programs for invoices find the data.

Factur-X 1.07 and ZUGFeRD 2.3, section "XMP extension schema": four properties in a namespace of their own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pikepdf
from lxml import etree
from pikepdf.models.metadata import PdfMetadata

from worker.render.after_print.program.order import Attachment

# The names that the standard gives to the file, which may be in a document only once.
_NAMES: Final = ("factur-x.xml", "xrechnung.xml")
_NAMESPACE: Final = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_ROOT: Final = "CrossIndustryInvoice"
_GUIDELINE: Final = "{*}ExchangedDocumentContext/{*}GuidelineSpecifiedDocumentContextParameter/{*}ID"
# How the guideline of an invoice ends, and what the level of this guideline is called.
_LEVELS: Final = {
    ":minimum": "MINIMUM",
    ":basicwl": "BASIC WL",
    ":basic": "BASIC",
    "urn:cen.eu:en16931:2017": "EN 16931",
    ":extended": "EXTENDED",
}
_UNKNOWN: Final = (
    "pdf.attachments.%d: %s is no invoice of Factur-X or ZUGFeRD whose level can be read, so the document's "
    "XMP does not name it"
)
_XRECHNUNG: Final = ":xrechnung_"


def name_invoice(pdf: pikepdf.Pdf, attachments: Sequence[Attachment]) -> list[str]:
    """Write into the XMP packet which of the attachments is the invoice, and of which level it is.

    Returns:
        Sentences for the caller: why it could not be written.
    """
    for index, attachment in enumerate(attachments):
        if attachment["name"] not in _NAMES:
            continue
        level = _level(Path(attachment["path"]).read_bytes())
        if level is None:
            return [_UNKNOWN % (index, attachment["name"])]
        PdfMetadata.register_xml_namespace(_NAMESPACE, "fx")
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as packet:
            packet.load_from_docinfo(pdf.docinfo)
            packet["fx:DocumentType"] = "INVOICE"
            packet["fx:DocumentFileName"] = attachment["name"]
            packet["fx:Version"] = "1.0"
            packet["fx:ConformanceLevel"] = level
        break
    return []


def _level(invoice: bytes) -> str | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(invoice, parser)
    except etree.XMLSyntaxError:
        return None
    if etree.QName(root).localname != _ROOT:
        return None
    guideline = (root.findtext(_GUIDELINE) or "").strip()
    if _XRECHNUNG in guideline:
        return "XRECHNUNG"
    return next((level for end, level in _LEVELS.items() if guideline.endswith(end)), None)
