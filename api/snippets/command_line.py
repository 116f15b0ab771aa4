"""A render with the command `renderfleet`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.snippets.literals import SHELL_JSON, on_one_line, written
from api.snippets.render_call import file_name, is_for_later, is_pdf
from api.snippets.shell import word

_NEXT: Final = " \\\n  "
_SWITCHES: Final = {"full_page": "--full-page"}
_OF_PDF: Final = {"format": "--paper", "page_ranges": "--pages"}
_SWITCHES_OF_PDF: Final = {"landscape": "--landscape", "single_page": "--single-page"}
_OF_VIEWPORT: Final = {"width": "--width", "height": "--height"}


def command_render(base: str, request: Mapping[str, Any]) -> str:
    """The command that renders a request and writes the file; arguments as of `curl_render`."""
    options = dict(request)
    url = options.get("url")
    command = f"renderfleet --url {word(base)} {'pdf' if is_pdf(options) else 'shot'}"
    # The name of the file says the format.
    output = f"-o {word(file_name(options))}"
    end = "--no-wait" if is_for_later(options) else output
    named = options.get("format")
    if is_pdf(options) or not is_for_later(options):
        options.pop("format", None)
    if not _can_be_words(options) or not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        if named is not None and not is_pdf(request):
            options = {**options, "format": named}
        body = written(options, SHELL_JSON)
        return f"{command} --request - {end} <<'END'\n{body}\nEND"
    del options["url"]
    return _NEXT.join((f"{command} {word(url)} {end}", *_flags(options, is_document=is_pdf(request))))


def _can_be_words(options: Mapping[str, Any]) -> bool:
    """Whether the options can be written with `-O`: their names have no sign that would be misread."""
    return all(name.isidentifier() for name in options)


def _flags(options: Mapping[str, Any], *, is_document: bool) -> Iterator[str]:
    for name, value in options.items():
        if not is_document and name in _SWITCHES and value is True:
            yield _SWITCHES[name]
        elif not is_document and name == "viewport" and _are_whole(value, _OF_VIEWPORT):
            yield from (f"{_OF_VIEWPORT[side]} {number}" for side, number in value.items())
        elif is_document and name == "pdf" and isinstance(value, Mapping) and _can_be_words(value):
            yield from _flags_of_pdf(value)
        else:
            yield _option(name, value)


def _flags_of_pdf(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if name in _OF_PDF and isinstance(value, str) and value.isprintable():
            yield f"{_OF_PDF[name]} {word(value)}"
        elif name in _SWITCHES_OF_PDF and value is True:
            yield _SWITCHES_OF_PDF[name]
        else:
            yield _option(f"pdf.{name}", value)


def _are_whole(value: Any, allowed: Mapping[str, str]) -> bool:
    return isinstance(value, Mapping) and all(
        side in allowed and type(number) is int for side, number in value.items()
    )


def _option(name: str, value: Any) -> str:
    return f"-O {word(f'{name}={_text(value)}')}"


def _text(value: Any) -> str:
    """A text as it is, if the command will not read it as JSON; all else as JSON on one line."""
    if isinstance(value, str) and value.isprintable() and "'" not in value and "!" not in value:
        try:
            json.loads(value)
        except ValueError:
            return value
    return on_one_line(value, SHELL_JSON)
