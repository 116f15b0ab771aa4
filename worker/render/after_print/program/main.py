"""Does one order: opens or joins the documents, changes the result, writes it."""

import json

import lxml.etree  # noqa: F401 - pikepdf imports it late: here it is imported once for all runs
import pikepdf

from fleet.confined.refusal import Refusal
from worker.render.after_print.program.assemble import Assembled, assembled
from worker.render.after_print.program.attach import attach
from worker.render.after_print.program.damage import DAMAGE
from worker.render.after_print.program.invoice import name_invoice
from worker.render.after_print.program.label import label
from worker.render.after_print.program.order import Answer, Order
from worker.render.after_print.program.page_numbers import indices
from worker.render.after_print.program.protect import encryption
from worker.render.after_print.program.stamp import stamp

# The documents of the last run. The process ends soon: to take large ones apart before would cost it 30 ms.
_last_run: list[Assembled] = []


def work(data: bytes) -> bytes:
    """Do an `Order`.

    Returns:
        An `Answer`, as JSON like the order.

    Raises:
        Refusal: with `field` and `message`: what is wrong with a document or with what is asked of it.
    """
    order: Order = json.loads(data)
    result = assembled(order)
    _last_run[:] = [result]
    pdf = result.pdf
    try:
        _change(pdf, order)
        result.warnings.extend(name_invoice(pdf, order["attachments"]))
        _save(pdf, order)
    except DAMAGE as error:
        if len(order["documents"]) == 1:
            raise  # Chromium's own: the fault is ours
        fields = ", ".join(one["field"] for one in order["documents"] if one["field"])
        raise Refusal(field=fields, message="holds something that is broken") from error
    return json.dumps(Answer(pages=len(pdf.pages), warnings=result.warnings)).encode()


def _change(pdf: pikepdf.Pdf, order: Order) -> None:
    for rotation in order["rotations"]:
        for index in indices(rotation["pages"], len(pdf.pages), "pdf.rotate"):
            page = pdf.pages[index]
            page.rotation = page.rotation + rotation["degrees"]
    if order["stamp"] is not None:
        stamp(pdf, order["stamp"])
    if order["labels"]:
        label(pdf, order["labels"])
    attach(pdf, order["attachments"])


def _save(pdf: pikepdf.Pdf, order: Order) -> None:
    mode = pikepdf.ObjectStreamMode
    pdf.save(
        order["output"],
        object_stream_mode=mode.generate if order["is_small"] else mode.preserve,
        encryption=encryption(order["protection"]),
    )
