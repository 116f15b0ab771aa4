"""The HTML of a page that is made from a template or from Markdown, each in a process of its own."""

import asyncio
import json
import re
from typing import Any, Final

from fleet.confined.limits import BrokenProgramError, LimitPassedError, Limits, RefusedWorkError
from fleet.confined.program import ConfinedProgram
from fleet.errors import ErrorType, RenderError
from fleet.render.files import INDEX
from fleet.render.request import RenderRequest
from worker.egress.own_site.bundle import Bundle

_TEMPLATE: Final = ConfinedProgram("worker.render.composing.template_program")
_MARKDOWN: Final = ConfinedProgram("worker.render.composing.markdown_program")
_MIB: Final = 1024 * 1024
# A table of 10,000 rows, with three numbers each by locale, takes 2 s of CPU and has 3 MB.
LIMITS: Final = Limits(cpu_s=5, wall_s=20, memory_bytes=256 * _MIB, output_bytes=8 * _MIB)
# The name of a template that is no file.
_ALONE: Final = "template"
# Of all files together that a template may include.
_MAX_TEMPLATES_BYTES: Final = 4 * _MIB
_BYTE_ORDER_MARK: Final = "\ufeff"
# Whatever may stand before `<html>` without ending the prologue (html.spec.whatwg.org, "writing documents").
_PROLOGUE: Final = re.compile(r"(?>\s+|<!--.*?-->)*+<!doctype[^>]*>", re.IGNORECASE | re.DOTALL)


async def composed(request: RenderRequest, *, limits: Limits = LIMITS) -> str:
    """The document of a request that is written into an empty page.

    Args:
        request: what is asked.
        limits: of the program that fills a template or reads Markdown.

    Raises:
        RenderError: `invalid_request`: the template is wrong, or needs more than it may use;
            `internal_error`: it could not be filled.
    """
    if request.template is not None:
        html = (await _filled("template", request, {_ALONE: request.template}, _ALONE, limits)).decode()
    elif request.markdown is not None:
        asked = {"markdown": request.markdown, "language": request.locale}
        html = (await _run("markdown", _MARKDOWN, asked, limits)).decode()
    else:
        # The browser takes one off what it decodes (encoding.spec.whatwg.org, "decode"). This is not decoded:
        # the mark would be text before the doctype, which means quirks mode and an empty line.
        html = (request.html or "").removeprefix(_BYTE_ORDER_MARK)
    return html if request.base_url is None else with_base(html, request.base_url)


async def fill_index(request: RenderRequest, files: Bundle) -> None:
    """Fill the `index.html` of a page's files, which may include the others.

    Raises:
        RenderError: as `composed`.
    """
    templates = await asyncio.to_thread(files.texts, max_bytes=_MAX_TEMPLATES_BYTES)
    if INDEX not in templates:
        detail = (
            f"files: {INDEX} is no template: it is not UTF-8, or has more than {_MAX_TEMPLATES_BYTES:,} bytes"
        )
        raise RenderError(ErrorType.INVALID_REQUEST, detail)
    files.replace_index(await _filled("files", request, templates, INDEX, LIMITS))


async def _filled(
    option: str, request: RenderRequest, templates: dict[str, str], first: str, limits: Limits
) -> bytes:
    asked = {
        "templates": templates,
        "first": first,
        "data": request.data or {},
        "locale": request.locale,
        "timezone_id": request.timezone_id,
    }
    return await _run(option, _TEMPLATE, asked, limits)


async def _run(option: str, program: ConfinedProgram, asked: dict[str, Any], limits: Limits) -> bytes:
    try:
        return await program.run(json.dumps(asked).encode(), limits=limits)
    except RefusedWorkError as error:
        facts = error.facts
        place = f"line {facts['line']}, column {facts['column']}: " if "line" in facts else ""
        if facts.get("file", _ALONE) != _ALONE:
            place = f"{facts['file']}, {place}"
        raise RenderError(ErrorType.INVALID_REQUEST, f"{option}: {place}{facts['reason']}") from error
    except LimitPassedError as error:
        raise RenderError(ErrorType.INVALID_REQUEST, f"{option}: it {error}") from error
    except BrokenProgramError as error:
        raise RenderError(ErrorType.INTERNAL_ERROR, f"the {option} could not be made into a page") from error


def with_base(html: str, base_url: str) -> str:
    """The document with a `<base>`, before everything that has an address.

    The parser opens `<html>` and `<head>` for it, and adds to `<html>` the attributes that come later.
    """
    prologue = _PROLOGUE.match(html)
    end = prologue.end() if prologue else 0
    quoted = base_url.replace("&", "&amp;").replace('"', "&quot;")
    return f'{html[:end]}<base href="{quoted}">{html[end:]}'
