"""A render with the Python client."""

import keyword
from collections.abc import Mapping
from typing import Any, Final

from api.snippets.literals import PYTHON, python_string, written
from api.snippets.render_call import API_KEY, file_name, is_for_later, is_pdf

_INDENT: Final = "    "


def python_render(base: str, request: Mapping[str, Any]) -> str:
    """A program that renders a request and saves the file; arguments as of `curl_render`."""
    opening = f"with Client({python_string(base)}) as client:  # the key is in {API_KEY}"
    return f"from renderfleet import Client\n\n{opening}\n{_body(request)}"


def _body(request: Mapping[str, Any]) -> str:
    if is_for_later(request):
        body = written(request, PYTHON, indent=_INDENT)
        return f"{_INDENT}job = client.jobs.submit({body})\n{_INDENT}print(job.id)"
    options = dict(request)
    if is_pdf(request):
        del options["format"]
    arguments = (
        [python_string(options.pop("url"))] if isinstance(options.get("url"), str) and options["url"] else []
    )
    inner = _INDENT * 2
    named = {name: value for name, value in options.items() if _is_name(name)}
    others = {name: value for name, value in options.items() if name not in named}
    arguments += [f"{name}={written(value, PYTHON, indent=inner)}" for name, value in named.items()]
    if others:
        arguments.append(f"**{written(others, PYTHON, indent=inner)}")
    call = f"client.{'pdf' if is_pdf(request) else 'screenshot'}"
    line = f"{_INDENT}page = {call}({', '.join(arguments)})"
    if len(line) > 90 or "\n" in line:  # noqa: PLR2004 - the width of a usual editor
        lines = "".join(f"{inner}{argument},\n" for argument in arguments)
        line = f"{_INDENT}page = {call}(\n{lines}{_INDENT})"
    return f'{line}\n{_INDENT}page.save("{file_name(request)}")'


def _is_name(name: str) -> bool:
    # `timeout_s` is the method's own.
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name != "timeout_s"
