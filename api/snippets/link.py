"""A render as a signed link, and as an `<img>` that shows it."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.snippets.render_call import format_of, is_pdf
from fleet.render.link_parameters import PARAMETERS, LinkParameterError
from fleet.render.link_signature import EXPIRES, KEY, PDF, SCREENSHOT, SIGNATURE, canonical, sign
from fleet.render.options.output import PICTURES

_FORMAT: Final = "format"
_DOT: Final = "."


class NotInLinkError(Exception):
    """What is asked cannot be written into a link; it says why, in words for the caller."""


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Who signs.

    Attributes:
        key_id: id of the API key.
        key: derived of its secret (`fleet.render.link_signature.link_key`).
        expires: until when the link is to hold, in Unix seconds.
    """

    key_id: str
    key: bytes
    expires: int

    def address(self, base: str, request: Mapping[str, Any]) -> str:
        """The signed link of a render.

        Args:
            base: address of the API.
            request: the body of `POST /v1/jobs`.

        Raises:
            NotInLinkError: a link cannot say what is asked.
        """
        path = PDF if is_pdf(request) else SCREENSHOT
        parameters = link_parameters(request) | {KEY: self.key_id, EXPIRES: str(self.expires)}
        signature = sign(self.key, path, parameters)
        return f"{base}{canonical(path, parameters)}&{SIGNATURE}={signature}"


def image(address: str, request: Mapping[str, Any]) -> str:
    """The HTML that shows a link: an `<img>`, or for a PDF an `<a>`."""
    page = html.escape(str(request.get("url", "")))
    if is_pdf(request):
        return f'<a href="{html.escape(address)}">{page} as PDF</a>'
    return f'<img src="{html.escape(address)}" alt="{page}">'


def link_parameters(request: Mapping[str, Any]) -> dict[str, str]:
    """A request as the parameters of a link.

    Raises:
        NotInLinkError: a link cannot say what is asked.
    """
    if not request.get("url"):
        raise NotInLinkError("A link shows the page of an address: give `url`.")
    options = {name: value for name, value in request.items() if value is not None}
    if is_pdf(options):
        del options[_FORMAT]
    elif (format_ := format_of(options)) not in PICTURES:
        raise NotInLinkError(f"Links show pictures and PDFs; `format` is {format_}.")
    found = list(_parameters(options))
    unknown = ", ".join(f"`{name}`" for name, _ in found if name not in PARAMETERS)
    if unknown:
        raise NotInLinkError(f"Links cannot have {unknown}: secret, about the job, or too large.")
    return {name: _text(name, value) for name, value in found}


def _parameters(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        whole = prefix + name
        parts = f"{whole}{_DOT}"
        if isinstance(value, Mapping) and any(parameter.startswith(parts) for parameter in PARAMETERS):
            yield from _parameters(value, parts)
        else:
            yield whole, value


def _text(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        text, meant = _words(name, value), [_word(one) for one in value]
    else:
        text, meant = _word(value), value
    try:
        # As the server will read it, so that no link is shown that says something else.
        is_same = bool(text) and PARAMETERS[name].read(text) == meant
    except LinkParameterError:
        is_same = False
    if not is_same:
        raise NotInLinkError(f"`{name}` cannot be written into a link.")
    return text


def _words(name: str, values: Sequence[Any]) -> str:
    words = [_word(value) for value in values]
    if any("," in word for word in words):
        raise NotInLinkError(f"`{name}` has a comma in a value; in a link, commas are between the values.")
    if not all(words):
        raise NotInLinkError(f"`{name}` has an empty value, which a link cannot have.")
    return ",".join(words)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
