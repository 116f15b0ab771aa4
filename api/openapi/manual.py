"""The page at `/docs`: every call and every document, made from the OpenAPI document by `manual.html`.

Plain HTML without scripts. It loads nothing, so it works without the internet. Its Content-Security-Policy
forbids everything except one style, which it names by its hash.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from api.http.problems import MEDIA_TYPE
from api.openapi.examples import Examples
from api.openapi.guides import titles, with_links

_FOLDER: Final = Path(__file__).parent
STYLE: Final = (_FOLDER / "manual.css").read_text()
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)
_OTHER: Final = "other"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
# How the page names the bounds of a value.
_BOUNDS: Final = {
    "format": "as",
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "minLength": "length from",
    "maxLength": "length to",
}


def _answers(operation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The answers of a call by their statuses. Those that are a problem document and no more are one."""
    answers: list[tuple[str, Mapping[str, Any]]] = []
    failures: list[tuple[str, Mapping[str, Any]]] = []
    for status, answer in sorted(operation["responses"].items()):
        is_failure = list(answer.get("content", {})) == [MEDIA_TYPE]
        (failures if is_failure else answers).append((status, answer))
    if failures:
        words = ", ".join(answer.get("description", "") for _, answer in failures)
        merged = {**failures[0][1], "description": words}
        answers.append((", ".join(status for status, _ in failures), merged))
    return answers


def manual_page(document: Mapping[str, Any]) -> str:
    """The page for an OpenAPI document. Takes 0.1 s."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - with the page 5 MB

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["answers"] = _answers
    environment.filters["with_links"] = with_links
    environment.filters["json"] = partial(json.dumps, ensure_ascii=False)
    calls = [
        (method, path, operations[method])
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations
    ]
    kinds: dict[str, list[tuple[str, str, Any]]] = {}
    for call in calls:
        kinds.setdefault((call[2].get("tags") or [_OTHER])[0], []).append(call)
    return environment.get_template("manual.html").render(
        document, kinds=kinds, examples=Examples(document), guides=titles(), bounds=_BOUNDS, style=STYLE
    )
