"""The page at `/docs`: every call and every document, made from the OpenAPI document.

Plain HTML without a script: it loads nothing, so it works without the internet and can be tricked into
nothing (its Content-Security-Policy allows one style, by its hash).
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; }
h3 { margin: 2.5rem 0 .5rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
h3 b { display: inline-block; min-width: 4.5rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .875em; }
pre { padding: .75rem; overflow-x: auto; background: #8881; border-radius: .25rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; border-top: 1px solid; }
td:first-child { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { columns: 2; list-style: none; padding: 0; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
)

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_NONE: Final = "<p>none</p>"

Node = Mapping[str, Any]


def manual_page(document: Node) -> str:
    """The page for an OpenAPI document."""
    info = document["info"]
    title = f"{_text(info['title'])} {_text(info['version'])}"
    calls = "".join(_calls(document))
    schemas = "".join(_schemas(document["components"]["schemas"]))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><body><h1>{title}</h1>'
        f"<p>{_prose(info['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">/openapi.json</a>. A call below <code>/v1/</code> needs '
        "<code>Authorization: Bearer KEY</code> or <code>X-API-Key: KEY</code>, unless it says otherwise.</p>"
        f"<nav><ul>{''.join(_contents(document))}</ul></nav>"
        f"<h2>Calls</h2>{calls}<h2>Documents</h2>{schemas}</body></html>"
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield method, path, operations[method]


def _contents(document: Node) -> Iterator[str]:
    for method, path, operation in _operations(document):
        name = f"{method.upper()} {path}"
        yield f'<li><a href="#{_text(operation["operationId"])}"><code>{_text(name)}</code></a></li>'


def _calls(document: Node) -> Iterator[str]:
    for method, path, operation in _operations(document):
        identifier = _text(operation["operationId"])
        yield f'<h3 id="{identifier}"><b>{method.upper()}</b>{_text(path)}</h3>'
        yield from (f"<p>{_prose(part)}</p>" for part in operation.get("description", "").split("\n\n"))
        parameters = operation.get("parameters", [])
        if parameters:
            yield _table(
                (f"{parameter['name']} ({parameter['in']})", _kind(parameter["schema"]), _about(parameter))
                for parameter in parameters
            )
        yield from _body(operation.get("requestBody", {}).get("content", {}))
        yield _table(
            (status, ", ".join(map(_content, answer.get("content", {}).items())), _about(answer))
            for status, answer in operation["responses"].items()
        )


def _body(content: Node) -> Iterator[str]:
    for media_type, body in content.items():
        yield f"<p>Body: {_content((media_type, body))}</p>"
        for example in body.get("examples", {}).values():
            yield f"<pre>{_text(json.dumps(example['value'], indent=2, ensure_ascii=False))}</pre>"


def _content(entry: tuple[str, Node]) -> str:
    media_type, body = entry
    return f"{_text(media_type)} {_kind(body.get('schema', {}))}"


def _schemas(schemas: Node) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f'<h3 id="schema-{_text(name)}">{_text(name)}</h3><p>{_about(schema)}</p>'
        if "enum" in schema:
            yield f"<p>{_kind(schema)}</p>"
        if "properties" in schema:
            required = schema.get("required", [])
            yield _table(
                (field + (" *" if field in required else ""), _kind(facts), _about(facts))
                for field, facts in schema["properties"].items()
            )


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    """Rows of a name, which is escaped here, and two cells, which are HTML."""
    lines = [f"<tr><td>{_text(name)}<td>{kind}<td>{about}" for name, kind, about in rows]
    return f"<table>{''.join(lines)}</table>" if lines else _NONE


def _kind(schema: Node) -> str:
    """What a value may be, in a few words of HTML."""
    if "$ref" in schema:
        name = _text(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        return " or ".join(map(_kind, choices))
    if "enum" in schema or "const" in schema:
        words = schema.get("enum") or [schema["const"]]
        return ", ".join(f"<code>{_text(str(word))}</code>" for word in words)
    kind = _text(str(schema.get("type", "any")))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    bounds = [f"{word} {_text(str(schema[key]))}" for key, word in _BOUNDS.items() if key in schema]
    return ", ".join([kind, *bounds])


_BOUNDS: Final = {
    "format": "as",
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
    "minLength": "length from",
    "maxLength": "length to",
}


def _about(facts: Node) -> str:
    words = _prose(facts.get("description", ""))
    default = facts.get("default", facts.get("schema", {}).get("default"))
    return words if default is None else f"{words} Default: <code>{_text(json.dumps(default))}</code>."


def _prose(text: str) -> str:
    """Text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return html.escape(text)
