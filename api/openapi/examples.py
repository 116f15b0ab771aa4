"""An example of each call: the command for curl, and what is answered. Made from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from api.snippets.curl import curl_call

_ID: Final = "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01"
_KEY_ID: Final = "0a1b2c3d4e5f"
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
# Deeper objects are left out; no document of ours is as deep.
_MAX_DEPTH: Final = 8
# Values for parameters that have no example of their own.
_PARAMETERS: Final = {
    "key_id": _KEY_ID,
    "key": _KEY_ID,
    "url": "https://example.com/",
    "expires": "1900000000",
    "signature": "SIGNATURE",
    "hop": "0",
}
_TEXTS: Final = {"uuid": _ID, "date-time": "2026-01-31T12:00:00Z"}
_VALUES: Final[Mapping[str, Any]] = {
    "string": "…",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}
# Files by what is answered.
_ENDINGS: Final = {"application/pdf": "pdf", "application/zip": "zip", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Example:
    """One way to make a call.

    Attributes:
        summary: what it does, if there are several; else empty.
        command: for curl.
    """

    summary: str
    command: str


@dataclass(frozen=True, slots=True)
class ExampleAnswer:
    """An answer that is a JSON document.

    Attributes:
        status: such as `202 Accepted`.
        document: the answer.
    """

    status: str
    document: Any


class Examples:
    """Makes the examples of one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Remember the document's schemas."""
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def of_call(self, method: str, path: str, operation: Mapping[str, Any]) -> list[Example]:
        """A command for each body that the document has, or one without."""
        address = self._address(path, operation)
        content = operation.get("requestBody", {}).get("content", {}).get(_JSON, {})
        bodies = [*content.get("examples", {}).values()]
        if not bodies or not operation["requestBody"].get("required"):
            bodies = [{"value": None}, *bodies]
        answers = dict(_contents(operation))
        return [
            Example(
                body.get("summary", ""),
                curl_call(
                    address,
                    method=method.upper(),
                    body=body["value"],
                    flags=_flags(operation, answers),
                    output=_output(path, answers, operation),
                    has_key=bool(operation.get("security", ())),
                ),
            )
            for body in bodies
        ]

    def of_answer(self, operation: Mapping[str, Any]) -> ExampleAnswer | None:
        """The first answer that is a JSON document; None: there is none."""
        for status, answer in operation["responses"].items():
            schema = answer.get("content", {}).get(_JSON, {}).get("schema")
            if schema is not None and status.startswith("2"):
                return ExampleAnswer(f"{status} {HTTPStatus(int(status)).phrase}", self._sample(schema))
        return None

    def problem(self) -> Any:
        """A document that tells an error."""
        return self._sample(self._schemas.get("Problem", {}))

    def _address(self, path: str, operation: Mapping[str, Any]) -> str:
        parameters = operation.get("parameters", ())
        for parameter in parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", _value(parameter))
        query = "&".join(
            f"{parameter['name']}={quote(_value(parameter), safe='')}"
            for parameter in parameters
            if parameter["in"] == "query" and parameter.get("required")
        )
        return f'"$RENDERFLEET_URL{path}{"?" if query else ""}{query}"'

    def _sample(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that a schema allows, with what it has of examples."""
        schema = self._resolved(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        if schema.get("default") is not None:
            return schema["default"]
        if "enum" in schema:
            return schema["enum"][0]
        if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self._sample(choices[0], depth)
        return self._sample_of_type(schema, depth)

    def _sample_of_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if kind == "array":
            return [self._sample(schema.get("items", {}), depth + 1)] if depth < _MAX_DEPTH else []
        if kind == "object" or "properties" in schema:
            properties = schema.get("properties", {}) if depth < _MAX_DEPTH else {}
            return {name: self._sample(inner, depth + 1) for name, inner in properties.items()}
        if "format" in schema:
            return _TEXTS.get(schema["format"], _VALUES["string"])
        return _VALUES.get(str(kind))

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_MAX_DEPTH):
            if "$ref" not in schema:
                break
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            schema = {**self._schemas.get(schema["$ref"].rpartition("/")[2], {}), **beside}
        return schema


def _contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a call that succeeds may answer with."""
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).items()


def _value(parameter: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    examples = schema.get("examples") or [_PARAMETERS.get(parameter["name"], _ID)]
    return str(examples[0])


def _flags(operation: Mapping[str, Any], answers: Mapping[str, Any]) -> str:
    """What curl needs besides the usual: to follow a redirect, or to print events as they come."""
    if "307" in operation["responses"]:
        return "-L"
    return "-N" if _EVENTS in answers else ""


def _output(path: str, answers: Mapping[str, Any], operation: Mapping[str, Any]) -> str | None:
    """The file that an answer is written to; None: it is printed."""
    is_led_away = "307" in operation["responses"]
    binary = [
        name for name, content in answers.items() if content.get("schema", {}).get("format") == "binary"
    ]
    if not binary and not is_led_away:
        return None
    name = path.rpartition("/")[2]
    ending = _ENDINGS.get(binary[0]) if len(set(binary)) == 1 else None
    return f"{name}.{ending}" if ending else name
