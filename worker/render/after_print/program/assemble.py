"""Opens the documents of an order, and joins them if there is more than one, or if only some pages are taken.

What is taken is copied page by page into a new document. So nothing of a page that was not taken is left in
the file, where somebody could find it.
"""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import pikepdf

from fleet.confined.refusal import Refusal
from worker.render.after_print.program.damage import DAMAGE
from worker.render.after_print.program.order import Document, Order
from worker.render.after_print.program.page_numbers import indices
from worker.render.after_print.program.tags import Tags

# Of the document that was printed, what holds for the result as a whole.
_OF_THE_WHOLE: Final = ("/Lang", "/ViewerPreferences", "/PageMode", "/PageLayout")


@dataclass(slots=True)
class Assembled:
    """The document that is worked on.

    Attributes:
        pdf: the document.
        sources: those that its pages come from; they must stay open until it is saved.
        warnings: sentences for the caller.
    """

    pdf: pikepdf.Pdf
    sources: list[pikepdf.Pdf] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def assembled(order: Order) -> Assembled:
    """The documents of an order as one.

    Raises:
        Refusal: one of them cannot be used, or a page that is asked for does not exist.
    """
    documents = order["documents"]
    if len(documents) == 1 and order["pages"] is None and documents[0]["pages"] is None:
        return Assembled(pikepdf.open(documents[0]["path"]))
    sources = [opened(document) for document in documents]
    pages = [
        (source, index)
        for source, document in enumerate(documents)
        for index in indices(document["pages"], len(sources[source].pages), _pages_field(document))
    ]
    if len(pages) > order["max_pages"]:
        total = f"has {len(pages):,} pages with all that is merged"
        raise Refusal(field="pdf", message=f"{total}; at most {order['max_pages']:,} are allowed")
    chosen = [pages[index] for index in indices(order["pages"], len(pages), "pdf.pages")]
    return _joined(order, sources, chosen)


def opened(document: Document) -> pikepdf.Pdf:
    """One document, if it can be used.

    Raises:
        Refusal: it cannot.
    """
    name = document["field"]
    try:
        pdf = pikepdf.open(document["path"], suppress_warnings=True)
        count = len(pdf.pages)
    except pikepdf.PasswordError as error:
        raise Refusal(field=name, message="is encrypted: give a PDF without a password") from error
    except DAMAGE as error:
        raise Refusal(field=name, message="is broken: no PDF can be read from it") from error
    if pdf.is_encrypted:  # with an owner's password alone, which forbids what we would do
        raise Refusal(field=name, message="is encrypted: give a PDF without a password")
    if not count:
        raise Refusal(field=name, message="has no pages")
    return pdf


def _joined(order: Order, sources: list[pikepdf.Pdf], chosen: list[tuple[int, int]]) -> Assembled:
    joined = Assembled(pikepdf.new(), sources)
    tags = Tags(joined.pdf)
    for number, run in groupby(chosen, key=lambda page: page[0]):
        document, source = order["documents"][number], sources[number]
        taken = [index for _, index in run]
        start = len(joined.pdf.pages)
        try:
            joined.pdf.add_pages_from(source, taken)
            tags.carry(
                source,
                joined.pdf.pages[start:],
                is_whole=taken == list(range(len(source.pages))),
            )
        except DAMAGE as error:
            if not document["field"]:
                raise
            raise Refusal(field=document["field"], message="is broken: its pages cannot be copied") from error
        if document["field"] and source.get_warnings():
            warning = "is damaged; its pages are there as far as they could be read"
            joined.warnings.append(f"{document['field']}: {warning}")
    if tags.are_lost:
        joined.warnings.append("pdf.pages: pages were left out or moved, so the document is not tagged")
    _inherit(joined.pdf, sources[order["printed"]])
    return joined


def _inherit(pdf: pikepdf.Pdf, printed: pikepdf.Pdf) -> None:
    for name in _OF_THE_WHOLE:
        if (value := printed.Root.get(name)) is not None:
            pdf.Root[name] = pdf.copy_foreign(printed.make_indirect(value))
    for name, value in printed.docinfo.items():
        pdf.docinfo[name] = str(value)


def _pages_field(document: Document) -> str:
    return f"{document['field']}.pages" if document["field"] else "pdf.pages"
