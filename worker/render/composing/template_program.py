"""Fills one template: a confined program (fleet/confined), started by composed.py.

It reads JSON with `templates` by their names, the name of the `first`, `data`, `locale` and `timezone_id`,
and gives HTML.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import FunctionLoader, Template, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from fleet.confined.refusal import Refusal
from fleet.render.templates.environment import TemplateEnvironment
from fleet.render.templates.syntax import column_of, column_of_tag
from worker.render.composing.filters import UnfitValueError, filters_for

# Python's sentences that name types and operators alone. All others may quote what is in the data.
_OF_TYPES: Final = re.compile(
    r"unsupported operand type\(s\) for [^:]+: '\w+' and '\w+'"
    r"|'[<>=!]+' not supported between instances of '\w+' and '\w+'"
    r"|'\w+' object is not (iterable|callable|subscriptable)"
    r"|can only concatenate \w+ \(not \"\w+\"\) to \w+"
)
_MAX_CHARACTERS: Final = 8 * 1024 * 1024
_QUOTED: Final = re.compile(r"'([^']+)'")
_OF_LIMITS: Final = {
    RecursionError: "it calls itself, or is nested, too deeply",
    SyntaxError: "it is nested too deeply",
    ZeroDivisionError: "it divides by zero",
    OverflowError: "a number or range is too large; a range has at most 100,000 numbers",
}


def work(asked: bytes) -> bytes:
    """Fill a template."""
    given = json.loads(asked)
    templates: dict[str, str] = given["templates"]
    environment = TemplateEnvironment(filters_for(given["locale"], given["timezone_id"]))
    # They are named in tracebacks, too. There is nothing else that could be loaded.
    environment.loader = FunctionLoader(
        lambda name: (templates[name], name, None) if name in templates else None
    )
    try:
        return "".join(_bounded(environment.get_template(given["first"]), given["data"])).encode()
    except MemoryError:
        raise
    except TemplateSyntaxError as error:
        reason = error.message or "it cannot be read"
        raise _refusal(templates, error.name or given["first"], error.lineno, reason) from None
    except Exception as error:  # noqa: BLE001 - whatever a template does is the fault of its author
        file, line = _place_of(error, templates)
        reason = _reason(error, "\n".join(templates.values()))
        raise _refusal(templates, file, line, reason, _name_of(error)) from None


def _bounded(template: Template, data: dict[str, Any]) -> Iterator[str]:
    """The pieces of the text, up to a little more than a result may have, which is then refused."""
    size = 0
    for piece in template.generate(data):
        yield piece
        size += len(piece)
        if size > _MAX_CHARACTERS:
            return


def _place_of(error: BaseException, templates: Mapping[str, str]) -> tuple[str, int | None]:
    """The template and its line that failed, of which Jinja2 has made a line of the traceback."""
    file, line, traceback = "", None, error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name in templates:
            file, line = name, traceback.tb_lineno
        traceback = traceback.tb_next
    return file, line


def _name_of(error: BaseException) -> str:
    """The name that an error is about, if it is about one."""
    found = _QUOTED.findall(str(error)) if isinstance(error, UndefinedError | SecurityError) else []
    if not found:
        return ""
    return str(found[-1] if isinstance(error, UndefinedError) else found[0])


def _reason(error: Exception, source: str) -> str:
    """What is wrong, in words that hold nothing of the data."""
    name = _name_of(error)
    named = f"`{name}`" if name and name in source else "a name that comes from the data"
    if isinstance(error, UndefinedError):
        return f"{named} is not defined: it is not in `data`"
    if isinstance(error, SecurityError):
        return f"{named} may not be used in a template"
    if isinstance(error, TemplateNotFound):
        shown = f" `{error.name}`" if error.name and str(error.name) in source else ""
        return f"there is no file{shown} among the `files`, or it is not text"
    if isinstance(error, UnfitValueError):
        return str(error)
    unfit = f"a value does not fit what is done with it ({type(error).__name__})"
    of_types = str(error) if _OF_TYPES.fullmatch(str(error)) else unfit
    return next((words for kind, words in _OF_LIMITS.items() if isinstance(error, kind)), of_types)


def _refusal(
    templates: Mapping[str, str], file: str, line: int | None, reason: str, name: str = ""
) -> Refusal:
    if line is None:
        return Refusal(reason=reason)
    text = templates[file]
    column = column_of(text, line, name) if name else column_of_tag(text, line)
    return Refusal(file=file, line=line, column=column, reason=reason)


def _warm_up() -> None:
    """Have Jinja2 and Babel read what each run needs, before the helper forks: it saves 20 ms a run."""
    filled = (
        "{% for one in many %}{{ one | number }}{{ one | percent }}{{ one | currency('EUR') }}{% endfor %}"
    )
    environment = TemplateEnvironment(filters_for("en-US", None))
    environment.from_string(filled + "{{ day | date }}{{ day | time }}").render(many=[1], day="2026-11-29")


_warm_up()
