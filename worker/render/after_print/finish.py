"""Hands the printed document with an order to the confined program, and gives what comes out of it."""

import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from fleet.confined.limits import BrokenProgramError, Limit, LimitPassedError, Limits, RefusedWorkError
from fleet.confined.program import LARGE_MEMORY_PAGES, ConfinedProgram
from fleet.errors import ErrorType, RenderError
from fleet.render.options.output import Optimize
from fleet.render.pdf.document import PdfDocument
from fleet.render.request import RenderRequest
from worker.render.after_print.order_of import order_of
from worker.render.after_print.program.order import Answer, Order
from worker.render.context import Render

# Joining ten documents of 20 pages touches 20 MB: large pages of memory save it a sixth of its time.
PROGRAM: Final = ConfinedProgram("worker.render.after_print.program.main", environment=LARGE_MEMORY_PAGES)
_NOTHING: Final = PdfDocument()
_COPY_BYTES: Final = 256 * 1024
# The type of error for each limit of the program.
_ERRORS: Final = {
    Limit.MEMORY: ErrorType.MEMORY_LIMIT_EXCEEDED,
    Limit.OUTPUT: ErrorType.ARTIFACT_TOO_LARGE,
    Limit.CPU: ErrorType.PDF_FAILED,
    Limit.TIME: ErrorType.PDF_FAILED,
}


def is_asked(request: RenderRequest) -> bool:
    """Whether there is anything to do after printing."""
    options = request.pdf or _NOTHING
    return request.optimize is Optimize.SIZE or options.is_changed_after_print


async def finished(render: Render, printed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The finished document, piece by piece.

    Args:
        render: the render; its pages and warnings are set.
        printed: the document that Chromium prints.

    Raises:
        RenderError: `invalid_request`: something that was given cannot be used; `memory_limit_exceeded`,
            `artifact_too_large`, `pdf_failed`: it would take too much; or what printing raises.
    """
    with tempfile.TemporaryDirectory(dir=render.path.parent, prefix="after-print-") as name:
        folder = Path(name)
        await _write(folder / "printed", printed, render.max_bytes)
        order = await order_of(render, render.request.pdf or _NOTHING, folder)
        limits = replace(render.bounds.after_print, output_bytes=render.max_bytes)
        answer = await _run(order, limits)
        render.pages = answer["pages"]
        render.warnings.extend(answer["warnings"])
        with Path(order["output"]).open("rb") as file:  # noqa: ASYNC230 - as all here: it was just written
            while piece := file.read(_COPY_BYTES):
                yield piece


async def _write(path: Path, pieces: AsyncIterator[bytes], max_bytes: int) -> None:
    with path.open("wb") as file:
        async for piece in pieces:
            file.write(piece)
            if file.tell() > max_bytes:
                detail = f"it has more than {max_bytes:,} bytes, which is the largest that is allowed"
                raise RenderError(ErrorType.ARTIFACT_TOO_LARGE, detail)


async def _run(order: Order, limits: Limits) -> Answer:
    try:
        answer: Answer = json.loads(await PROGRAM.run(json.dumps(order).encode(), limits=limits))
    except RefusedWorkError as refusal:
        detail = f"{refusal.facts['field']}: {refusal.facts['message']}"
        raise RenderError(ErrorType.INVALID_REQUEST, detail) from refusal
    except LimitPassedError as passed:
        detail = f"pdf: what is done after printing {limits.sentence(passed.limit)}"
        raise RenderError(_ERRORS[passed.limit], detail) from passed
    except BrokenProgramError as error:
        detail = "pdf: what is done after printing failed"
        raise RenderError(ErrorType.INTERNAL_ERROR, detail) from error
    return answer
