"""What was typed into a form as a request, and a request as what is typed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api.ui.forms.field import WITH_FIELDS, Field, FieldGroup, Kind, as_text

# What no field can say, as JSON. No option has a name with a hyphen.
MORE: Final = "more-json"
CHECKED: Final = "on"
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?(e-?[0-9]{1,2})?", re.ASCII)
# With a device, a default counts too: it may not be what the device has.
_DEVICE: Final = "device"

_MORE: Final = Field(MORE, Kind.JSON)

Typed = Mapping[str, Sequence[str]]


class _NotJsonError(ValueError):
    """What was typed is not JSON; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a form says.

    Attributes:
        request: only what differs from its default.
        errors: what cannot be read, by the names of the fields.
    """

    request: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)


def read(groups: Sequence[FieldGroup], typed: Typed) -> Reading:
    """The request that was typed into a form.

    Args:
        groups: of the form.
        typed: what its fields have. Of a checkbox, an empty field of its name says that it was asked.
    """
    errors: dict[str, str] = {}
    keeps_defaults = bool(_last(typed, _DEVICE))
    found: dict[str, Any] = {}
    for group in groups:
        for one in group.fields:
            found |= _value(one, typed, errors, keeps_defaults=keeps_defaults)
    try:
        found |= _object(_last(typed, MORE))
    except _NotJsonError as error:
        errors[MORE] = str(error)
    return Reading(found, errors)


def _value(asked: Field, typed: Typed, errors: dict[str, str], *, keeps_defaults: bool) -> dict[str, Any]:
    """The field's value under its label, or nothing."""
    if asked.kind in WITH_FIELDS:
        inner: dict[str, Any] = {}
        for one in asked.fields:
            inner |= _value(one, typed, errors, keeps_defaults=keeps_defaults)
        if inner:
            return {asked.label: inner}
        is_on = asked.kind is Kind.SWITCH and _last(typed, asked.name)
        return {asked.label: True} if is_on else {}
    try:
        value = _leaf(asked, typed)
    except _NotJsonError as error:
        errors[asked.name] = str(error)
        return {}
    if value is None:
        return {}
    is_default = value == asked.default and isinstance(value, bool) == isinstance(asked.default, bool)
    is_silent = is_default and (asked.kind is Kind.BOOLEAN or not keeps_defaults)
    return {} if is_silent else {asked.label: value}


def _leaf(asked: Field, typed: Typed) -> Any:
    """What was typed as a value; None: nothing was."""
    if asked.kind is Kind.BOOLEAN:
        return bool(_last(typed, asked.name)) if asked.name in typed else None
    if asked.kind is Kind.CHOICES:
        chosen = typed.get(asked.name, ())
        return [word for word in asked.choices if as_text(word) in chosen] or None
    # Browsers send line breaks as CR LF (HTML, "append an entry").
    text = _last(typed, asked.name).replace("\r\n", "\n")
    if asked.kind in (Kind.AREA, Kind.TEXT_OR_JSON, Kind.MASKED):
        if asked.kind is Kind.TEXT_OR_JSON and text.lstrip()[:1] in ("{", "["):
            return _json_or_text(text)
        return text or None
    text = text.strip()
    return _READERS[asked.kind](asked, text) if text else None


def _choice(asked: Field, text: str) -> Any:
    return next((word for word in asked.choices if as_text(word) == text), text)


def _number(_asked: Field, text: str) -> Any:
    """A number, or the text itself, of which the API says in its own words that it is none."""
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def _text(asked: Field, text: str) -> Any:
    # A margin is `2cm`, or a number of pixels.
    return text if asked.types.isdisjoint({"number", "integer"}) else _number(asked, text)


def _lines(asked: Field, text: str) -> list[Any]:
    return [_line(asked, line.strip()) for line in text.split("\n") if line.strip()]


def _line(asked: Field, line: str) -> Any:
    if "object" in asked.types and line.startswith("{"):
        return _json_or_text(line)
    return int(line) if "integer" in asked.types and _WHOLE.fullmatch(line) else line


def _pairs(_asked: Field, text: str) -> dict[str, str]:
    lines = [line for line in text.split("\n") if line.strip()]
    if broken := next((line for line in lines if ":" not in line), None):
        raise _NotJsonError(f"each line must read `name: value`, but there is `{broken.strip()[:50]}`")
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _parsed(_asked: Field, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise _NotJsonError(f"is not JSON: {error}") from None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is none of its words")  # Python's parser takes NaN and Infinity


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _object(text: str) -> dict[str, Any]:
    document = _parsed(_MORE, text) if text.strip() else {}
    if not isinstance(document, dict):
        raise _NotJsonError("must be a JSON object")
    return document


_READERS: Final = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.LINES: _lines,
    Kind.PAIRS: _pairs,
    Kind.JSON: _parsed,
}


def _last(typed: Typed, name: str) -> str:
    values = typed.get(name)
    return values[-1] if values else ""


def fill(groups: Sequence[FieldGroup], request: Mapping[str, Any]) -> dict[str, list[str]]:
    """What has to be typed for a request. What no field can say is JSON in the last field.

    Args:
        groups: of the form.
        request: as `read` makes it.
    """
    given = {name: value for name, value in request.items() if value is not None}
    said = read(groups, _all_typed(groups, given)).request
    rest = {name: value for name, value in given.items() if said.get(name) != value}
    typed = _all_typed(groups, {name: value for name, value in given.items() if name not in rest})
    return {**typed, MORE: [json.dumps(rest, ensure_ascii=False, indent=2)]} if rest else typed


def _all_typed(groups: Sequence[FieldGroup], request: Mapping[str, Any]) -> dict[str, list[str]]:
    fields = (one for group in groups for one in group.fields)
    return {
        name: texts
        for one in fields
        for name, texts in _typed(one, request.get(one.label), is_given=one.label in request)
    }


def _typed(asked: Field, value: Any, *, is_given: bool) -> Iterator[tuple[str, list[str]]]:
    if asked.kind in WITH_FIELDS:
        if asked.kind is Kind.SWITCH and value:
            yield asked.name, [CHECKED]
        inner = value if isinstance(value, Mapping) else {}
        for one in asked.fields:
            yield from _typed(one, inner.get(one.label), is_given=one.label in inner)
    elif asked.kind is Kind.BOOLEAN:
        yield asked.name, [CHECKED if (value if is_given else asked.default) else ""]
    elif value is not None:
        yield asked.name, _texts(asked, value)


def _texts(asked: Field, value: Any) -> list[str]:
    if asked.kind is Kind.CHOICES and isinstance(value, list):
        return [as_text(one) for one in value]
    if asked.kind is Kind.LINES and isinstance(value, list):
        return ["\n".join(as_text(one) for one in value)]
    if asked.kind is Kind.PAIRS and isinstance(value, Mapping):
        return ["\n".join(f"{name}: {as_text(one)}" for name, one in value.items())]
    if isinstance(value, list | dict):
        return [json.dumps(value, ensure_ascii=False, indent=2)]
    return [as_text(value)]
