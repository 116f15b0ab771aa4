"""Attachments of a document, and invoices as data among them. The program is called without its process."""

import pikepdf
import pytest

from tests.kit.documents.desk import Desk
from tests.kit.documents.made_pdfs import made_pdf
from worker.render.after_print.program.order import Answer


def test_attachments_are_files_of_the_document(desk: Desk) -> None:
    (desk.folder / "data").write_bytes(b"<invoice/>")
    attachment = {
        "path": str(desk.folder / "data"),
        "name": "factur-x.xml",
        "content_type": "text/xml",
        "relationship": "Data",
        "description": "The invoice",
    }
    desk.work(desk.document(made_pdf("a")), attachments=[attachment])
    assert desk.made.attachments["factur-x.xml"] == [b"<invoice/>"]
    (spec,) = desk.root["/AF"]
    spec = spec.get_object()
    assert (spec["/AFRelationship"], spec["/UF"], spec["/Desc"]) == ("/Data", "factur-x.xml", "The invoice")
    assert spec["/EF"]["/F"]["/Subtype"] == "/text/xml"


def invoice(guideline: str) -> bytes:
    """The part of a Cross Industry Invoice that says which rules it follows."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
        <rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
            xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100">
          <rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
            <ram:ID>{guideline}</ram:ID>
          </ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
        </rsm:CrossIndustryInvoice>""".encode()


def attached(desk: Desk, name: str, data: bytes) -> Answer:
    (desk.folder / "data").write_bytes(data)
    attachment = {"path": str(desk.folder / "data"), "name": name, "content_type": "text/xml"}
    attachment |= {"relationship": "Alternative", "description": ""}
    document = desk.document(made_pdf("a"))
    return desk.work(document, attachments=[attachment], labels={"title": "Invoice 7"})


@pytest.mark.parametrize(
    ("name", "guideline", "level"),
    [
        ("factur-x.xml", "urn:factur-x.eu:1p0:minimum", "MINIMUM"),
        ("factur-x.xml", "urn:factur-x.eu:1p0:basicwl", "BASIC WL"),
        ("factur-x.xml", "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic", "BASIC"),
        ("factur-x.xml", " urn:cen.eu:en16931:2017 ", "EN 16931"),
        ("factur-x.xml", "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", "EXTENDED"),
        (
            "xrechnung.xml",
            "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
            "XRECHNUNG",
        ),
    ],
)
def test_an_invoice_as_data_is_named_in_xmp(desk: Desk, name: str, guideline: str, level: str) -> None:
    assert attached(desk, name, invoice(guideline))["warnings"] == []
    with pikepdf.open(desk.output) as pdf, pdf.open_metadata() as packet:
        fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
        told = {key.removeprefix(fx): packet[key] for key in packet if key.startswith(fx)}
    assert told == {
        "DocumentType": "INVOICE",
        "DocumentFileName": name,
        "Version": "1.0",
        "ConformanceLevel": level,
    }
    assert b"Invoice 7" in desk.root["/Metadata"].get_object().get_data()


@pytest.mark.parametrize(
    "data", [b"<a/>", b"<a", b"", invoice("urn:example:other"), b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
)
def test_an_invoice_that_cannot_be_read_is_told_and_not_named(desk: Desk, data: bytes) -> None:
    (warning,) = attached(desk, "factur-x.xml", data)["warnings"]
    assert warning == (
        "pdf.attachments.0: factur-x.xml is no invoice of Factur-X or ZUGFeRD whose level can be read, so "
        "the document's XMP does not name it"
    )
    assert b"factur-x" not in desk.root["/Metadata"].get_object().get_data()


def test_other_attachments_are_not_named(desk: Desk) -> None:
    assert attached(desk, "data.xml", invoice("urn:cen.eu:en16931:2017"))["warnings"] == []
    assert b"factur-x" not in desk.root["/Metadata"].get_object().get_data()
