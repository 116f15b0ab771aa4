"""What pydantic finds wrong with a request, in words for its author: which field, what, what is allowed.

The caller's own values are never repeated: they may be secrets, and they may be 4 MiB long.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails

MAX_FINDINGS: Final = 20
_MAX_FIELD_LENGTH: Final = 100

# Where FastAPI found the value; the author of a request knows.
_PLACES: Final = frozenset({"body", "query", "path", "header"})

# Bounds as pydantic names them in the context of an error, in words.
_BOUNDS: Final[Mapping[str, str]] = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "expected": "{}",
    "pattern": "text that matches {}",
    "allowed": "{}",
}


class Finding(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(
        description="The field, parameter or header, such as `viewport.width`; empty for the whole document.",
        examples=["viewport.width"],
    )
    message: str = Field(
        description="What is wrong.", examples=["Input should be less than or equal to 8192"]
    )
    allowed: str | None = Field(
        default=None, description="What is allowed, when that is short.", examples=["at most 8192"]
    )


def findings_of(errors: Sequence[ErrorDetails], model: type[BaseModel] | None = None) -> list[Finding]:
    """Translate pydantic's errors.

    Args:
        errors: as `ValidationError.errors()` gives them; only the first `MAX_FINDINGS` are used.
        model: what was validated, to name the known fields beside an unknown one.
    """
    return [_finding(error, model) for error in errors[:MAX_FINDINGS]]


def _finding(error: ErrorDetails, model: type[BaseModel] | None) -> Finding:
    location = error["loc"][1:] if error["loc"] and error["loc"][0] in _PLACES else error["loc"]
    context = error.get("ctx", {})
    field = str(context.get("field", ".".join(str(part) for part in location)))
    message = error["msg"].removeprefix("Value error, ")
    allowed = _allowed(context)
    if error["type"] == "extra_forbidden":
        known = _fields_beside(location, model)
        message = _unknown(str(location[-1]), known)
        allowed = ", ".join(known) or None
    return Finding(field=_shortened(field), message=message, allowed=allowed)


def _allowed(context: Mapping[str, Any]) -> str | None:
    for name, words in _BOUNDS.items():
        if name in context:
            return words.format(context[name])
    return None


def _unknown(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name[:_MAX_FIELD_LENGTH], known, n=1)
    return f"is not known; did you mean `{close[0]}`?" if close else "is not known"


def _fields_beside(location: Sequence[int | str], model: type[BaseModel] | None) -> list[str]:
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if model else None
        annotation = field.annotation if field else None
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return sorted(model.model_fields) if model else []


def _shortened(field: str) -> str:
    return field if len(field) <= _MAX_FIELD_LENGTH else field[: _MAX_FIELD_LENGTH - 1] + "…"
