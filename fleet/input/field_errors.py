"""What pydantic finds wrong, in words for whoever wrote it: which field, what is wrong, what is allowed.

The same words for requests, for arguments of commands and for settings. pydantic's own sentences speak to
programmers ("List should have at least 1 item after validation, not 0"), and its patterns to nobody. They
also repeat what was given, which may be a secret or 4 MiB long.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from fleet.input.familiar_words import our_name, our_value
from fleet.input.quoted_values import HINT, Quoted

MAX_FIELD_ERRORS: Final = 20
_WORD: Final = re.compile("'([^']+)'")
_MAX_FIELD_LENGTH: Final = 100

# FastAPI's words for where it found a value. They are left out: the author of a request knows.
_PLACES: Final = frozenset({"body", "query", "path", "header"})

NO_CONTROL_CHARACTERS: Final = r"^[^\x00-\x1f\x7f]+$"
NOT_BLANK: Final = r"\S"
PRINTABLE_ASCII: Final = r"^[\x20-\x7e]+$"
NO_CONTROL_CHARACTERS_OR_EMPTY: Final = r"^[^\x00-\x1f\x7f]*$"
# RFC 6838, section 4.2.
MEDIA_TYPE: Final = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$"
CSS_COLOUR: Final = r"^(#[0-9A-Fa-f]{3,8}|[A-Za-z]{3,30})$"
LINES_OF_TEXT: Final = r"^[^\x00-\x09\x0b-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x09\x0b-\x1f\x7f]*$"
COOKIE_PATH: Final = r"^/[^\x00-\x1f\x7f;]*$"
LENGTH: Final = r"^([0-9]{1,9}(?:\.[0-9]{1,9})?)(px|in|cm|mm|pt)$"
# What a field must be, for each pattern that a model has.
_PATTERNS: Final[Mapping[str, str]] = {
    NO_CONTROL_CHARACTERS_OR_EMPTY: "text without control characters, such as line breaks",
    LENGTH: "text with a unit: px, in, cm, mm or pt, such as 2.5cm",
    COOKIE_PATH: "a path that begins with /, without control characters and semicolons",
    MEDIA_TYPE: "a media type, such as text/xml",
    CSS_COLOUR: "the name of a CSS colour, or #RRGGBB",
    LINES_OF_TEXT: "text that has more than blanks, without control characters other than line breaks",
    NO_CONTROL_CHARACTERS: "text without control characters, such as line breaks",
    NOT_BLANK: "text that has more than blanks",
    PRINTABLE_ASCII: "text of printable ASCII characters, as a header has them",
    r"^(debug|info|warning|error)$": "debug, info, warning or error",
    r"^(auto|human|json)$": "auto, human or json",
    r"^(AES256|aws:kms)?$": "AES256, aws:kms or nothing",
    r"^postgres(ql)?://": "an address that begins with postgresql:// or postgres://",
    r"^(rediss?(\+sentinel)?|unix)://": (
        "an address that begins with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://"
    ),
    r"^(session|transaction)$": "session or transaction",
    r"^[a-z0-9-]{2,32}$": "2 to 32 lower-case letters, figures and hyphens, such as eu-central-1",
    r"^(https?://|$)": "an address that begins with http:// or https://, or nothing",
    r"^https?://": "an address that begins with http:// or https://",
}

MISSING: Final = "is missing"

_LIST_TYPES: Final = frozenset({"list_type", "tuple_type", "frozen_set_type"})
# A value that is no object where a model of ours has one.
_OBJECT_TYPES: Final = frozenset({"model_type", "model_attributes_type"})

Words = str | Callable[[Mapping[str, Any]], str]


def _characters(number: int) -> str:
    return f"{number} {'character' if number == 1 else 'characters'}"


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


# What a value must be, by pydantic's type of error; `{ge}` is from the error's context.
_MUST_BE: Final[Mapping[str, Words]] = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a number that is neither infinite nor NaN",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_unicode": "text that is valid Unicode",
    "string_pattern_mismatch": lambda context: _PATTERNS[context["pattern"]],
    "enum": lambda context: context["expected"].replace("'", ""),
    "uuid_type": "a UUID, such as 0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01",
    "uuid_parsing": "a UUID, such as 0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01",
    "datetime_type": "a time as text, such as 2026-12-24T18:00:00+01:00",
    "datetime_parsing": "a time, such as 2026-12-24T18:00:00+01:00",
    "datetime_from_date_parsing": "a time, such as 2026-12-24T18:00:00+01:00",
    "datetime_object_invalid": "a time, such as 2026-12-24T18:00:00+01:00",
    "timezone_aware": "a time with its zone, such as 2026-12-24T18:00:00+01:00 or 2026-12-24T17:00:00Z",
    "list_type": "a list",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a JSON object",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
    "path_type": "a path",
}
_MUST_HAVE: Final[Mapping[str, Words]] = {
    "string_too_short": lambda context: f"at least {_characters(context['min_length'])}",
    "string_too_long": lambda context: f"at most {_characters(context['max_length'])}",
    "too_short": lambda context: f"at least {_entries(context['min_length'])}",
    "too_long": lambda context: f"at most {_entries(context['max_length'])}",
}
# What is wrong, where nothing short can be said of what is allowed.
_IS: Final[Mapping[str, Words]] = {
    "missing": MISSING,
    "json_invalid": "the body is not valid JSON: {error}",
    "value_error": lambda context: str(context["error"]),
}


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    field: str | None = Field(
        description="The field, parameter or header; null when it is the body as a whole.",
        examples=["viewport.width"],
    )
    message: str = Field(description="What is wrong.", examples=["must be at most 8192"])
    allowed: str | None = Field(
        description="What is allowed; null where that takes more than some words.", examples=["at most 8192"]
    )

    @property
    def sentence(self) -> str:
        """Field and message together."""
        return self.message if self.field is None else f"{self.field}: {self.message}"


def rule_error(field: str, message: str, *, allowed: str | None = None) -> PydanticCustomError:
    """What a validator of a whole model raises when fields do not fit each other.

    Args:
        field: the one that the rule speaks of, by its name in this model, such as `quality`.
        message: what is wrong, read behind the field's name.
        allowed: what would be right, in some words.
    """
    return PydanticCustomError(
        "rule", "{message}", {"field": field, "message": message, **({"allowed": allowed} if allowed else {})}
    )


def field_errors_of(errors: Sequence[ErrorDetails], model: type[BaseModel] | None = None) -> list[FieldError]:
    """Translate pydantic's errors.

    Args:
        errors: as `ValidationError.errors()` gives them. Hints are made from the `input` in them. Only the
            first `MAX_FIELD_ERRORS` are used.
        model: what was validated, to name the known fields beside an unknown one.
    """
    return [_field_error(error, model) for error in errors[:MAX_FIELD_ERRORS]]


def in_words(error: ValidationError, model: type[BaseModel]) -> str:
    """All that is wrong in one line, such as `quality: must be at most 100; url: is missing`."""
    errors = error.errors(include_url=False)
    return "; ".join(found.sentence for found in field_errors_of(errors, model))


def _field_error(error: ErrorDetails, model: type[BaseModel] | None) -> FieldError:
    location = _within_place(error)
    context = error.get("ctx", {})
    parts = [str(part) for part in location] + ([context["field"]] if "field" in context else [])
    field = _shortened(".".join(parts)) or None
    type_ = error["type"]
    if type_ == "extra_forbidden":
        known, above = (_fields_beside(location[:end], model) for end in (len(location), -1))
        message = _unknown(str(location[-1]), known, above)
        return FieldError(field=field, message=message, allowed=", ".join(known) or None)
    for table, verb in ((_MUST_BE, "must be"), (_MUST_HAVE, "must have")):
        if type_ in table:
            allowed = _filled(table[type_], context)
            if field and type_ in _OBJECT_TYPES and (inside := _fields_beside((*location, ""), model)):
                allowed += f" with {', '.join(inside)}"
            subject = "the body " if field is None else ""
            message = f"{subject}{verb} {allowed}{_hint(error, context)}"
            return FieldError(field=field, message=message, allowed=allowed)
    message = _filled(_IS[type_], context) if type_ in _IS else error["msg"]
    return FieldError(
        field=None if type_ == "json_invalid" else field, message=message, allowed=context.get("allowed")
    )


def _within_place(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where in the body, query, path or headers it is wrong."""
    location = error["loc"]
    if not location or location[0] not in _PLACES:
        return location
    # A field that nobody knows may have the name of a place.
    is_field = len(location) == 1 and error["type"] == "extra_forbidden"
    return location if is_field else location[1:]


def _filled(words: Words, context: Mapping[str, Any]) -> str:
    if callable(words):
        return words(context)
    return words.format(**{name: _plain(value) for name, value in context.items()})


def _plain(value: object) -> object:
    """A bound as people write it: 100000 instead of 100000.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unknown(name: str, known: Sequence[str], above: Sequence[str]) -> str:
    """What is said of an unknown field beside known ones, in an object that stands beside those above."""
    if meant := our_name(name, known):
        return f"is not known; did you mean `{meant}`?"
    if meant := our_name(name, above):
        return f"is not known here; did you mean `{meant}`, outside of this object?"
    return "is not known"


def _hint(error: ErrorDetails, context: Mapping[str, Any]) -> str:
    """What else there is to say of a wrong value. It repeats nothing of it: that may be a secret."""
    given = error.get("input")
    if isinstance(given, Quoted):
        return HINT if given.is_meant else ""
    if error["type"] in _LIST_TYPES and isinstance(given, str):
        return '; put brackets around a single text, such as ["text"]'
    if error["type"] != "enum":
        return ""
    allowed = _WORD.findall(context["expected"])
    meant = our_value(str(error["loc"][-1]), given, allowed)
    return f"; did you mean `{meant}`?" if meant else ""


def _fields_beside(location: Sequence[int | str], model: type[BaseModel] | None) -> list[str]:
    """The fields of the object that holds the last part of a location; none if it is no model of ours."""
    for part in location[:-1]:
        if isinstance(part, str):  # a number is a place in a list: the model is that of the whole list
            field = model.model_fields.get(part) if model else None
            model = _model_within(field.annotation) if field else None
    return sorted(field.alias or name for name, field in model.model_fields.items()) if model else []


def _model_within(annotation: object) -> type[BaseModel] | None:
    """The model in an annotation such as `Proxy`, `Proxy | None` or `tuple[Action, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_within(inner))), None)


def _shortened(field: str) -> str:
    return field if len(field) <= _MAX_FIELD_LENGTH else field[: _MAX_FIELD_LENGTH - 1] + "…"
