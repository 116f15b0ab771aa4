"""One render in each form of code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.snippets.command_line import command_render
from api.snippets.curl import curl_render
from api.snippets.javascript import javascript_render
from api.snippets.link import LinkSigner, NotInLinkError, image
from api.snippets.python import python_render

_EXAMPLE: Final = {"url": "https://example.com/"}
_SOURCES: Final = ("url", "html", "template", "markdown", "files")
_WRITERS: Final[Mapping[str, tuple[str, Callable[[str, Mapping[str, Any]], str]]]] = {
    "curl": ("curl", curl_render),
    "python": ("Python", python_render),
    "cli": ("CLI", command_render),
    "javascript": ("JavaScript", javascript_render),
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code in one form.

    Attributes:
        id: a word for addresses and ids of elements.
        title: for people.
        code: to copy; empty: there is none.
        note: why there is none, or what to know.
    """

    id: str
    title: str
    code: str
    note: str = ""


def snippets(base: str, request: Mapping[str, Any], signer: LinkSigner | str) -> list[Snippet]:
    """The render as curl, Python, command line, JavaScript and signed `<img>`.

    Args:
        base: address of the API, without a slash at its end.
        request: the body of `POST /v1/jobs`. If it has no page, it becomes that of example.com.
        signer: signs the link; or why nobody can.
    """
    if not any(request.get(source) for source in _SOURCES):
        request = {**_EXAMPLE, **request}
    written = [Snippet(id_, title, write(base, request)) for id_, (title, write) in _WRITERS.items()]
    return [*written, _link(base, request, signer)]


def _link(base: str, request: Mapping[str, Any], signer: LinkSigner | str) -> Snippet:
    id_, title = "link", "<img>"
    if isinstance(signer, str):
        return Snippet(id_, title, "", signer)
    try:
        return Snippet(id_, title, image(signer.address(base, request), request))
    except NotInLinkError as error:
        return Snippet(id_, title, "", str(error))
