"""What a signed link may ask for: the options of a render that can be written into an address.

The list is made of the fields of RenderRequest, so that a new option is a parameter at once. Nested options
are written with a dot (`viewport.width=800`), lists with commas. Left out is what the reader of a page's
source must not see (SECRET_FIELDS), and what is about a job instead of a picture.
"""

import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from fleet.render.options.job import MAX_RETENTION_S, JobOptions
from fleet.render.options.output import PICTURES, Format
from fleet.render.request import RENDER_GROUPS, RenderRequest
from fleet.render.sealed import SECRET_FIELDS

CACHE_TTL: Final = "cache_ttl_s"
# A link has a `url`, which is its own base. Who loads one gets no job, and so no evidence.
_LEFT_OUT: Final = SECRET_FIELDS | {"base_url", "evidence"}
_DOT: Final = "."
_COMMA: Final = ","
# The least time for which a picture is kept: those who wait for it fetch it after its job has ended.
_MIN_RETENTION_S: Final = 3600

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?", re.ASCII)


class LinkParameterError(Exception):
    """A parameter that no option can be made of.

    Attributes:
        name: of the parameter.
        message: what is wrong with it.
        allowed: what it may be.
    """

    def __init__(self, name: str, message: str, *, allowed: str) -> None:
        super().__init__(f"{name} {message}")
        self.name = name
        self.message = message
        self.allowed = allowed


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("a whole number, such as 800")
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number, such as 1.5")
    return float(text)


def _text(text: str) -> str:
    return text


def _list(text: str) -> list[str]:
    return text.split(_COMMA)


# How each kind of option is read. pydantic's own reading of text takes " 1_000" for a number, "yes" for true.
_READERS: Final[Mapping[type, Callable[[str], Any]]] = {
    bool: _boolean,
    int: _integer,
    float: _number,
    str: _text,
    list: _list,
}
_WORDS: Final[Mapping[type, dict[str, Any]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    list: {"type": "array", "items": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a link.

    Attributes:
        name: as it is written.
        kind: bool, int, float, str, or list for texts with commas between them.
        description: of the option.
    """

    name: str
    kind: type
    description: str

    @property
    def schema(self) -> dict[str, Any]:
        """Its type in JSON Schema."""
        return _WORDS[self.kind]

    def read(self, text: str) -> Any:
        """The value that the text stands for.

        Raises:
            LinkParameterError: it stands for none.
        """
        try:
            return _READERS[self.kind](text)
        except ValueError as error:
            raise LinkParameterError(self.name, "cannot be read", allowed=str(error)) from None


def _parameters(model: type[BaseModel], prefix: str = "") -> Iterator[Parameter]:
    for name, field in model.model_fields.items():
        if prefix + name in _LEFT_OUT:
            continue
        kind = _kind(field.annotation)
        if issubclass(kind, BaseModel):
            if _may_be_text(field):
                yield Parameter(prefix + name, str, field.description or "")
            yield from _parameters(kind, f"{prefix}{name}{_DOT}")
        elif kind in _READERS:
            yield Parameter(prefix + name, kind, field.description or "")


def _may_be_text(field: FieldInfo) -> bool:
    """Whether an option that is an object may be given as a text alone, such as `wait_for_selector`."""
    inputs = [mark.json_schema_input_type for mark in field.metadata if isinstance(mark, BeforeValidator)]
    return any(str in get_args(accepted) for accepted in inputs)


def _kind(annotation: Any) -> type:
    """What a value of this type is written as; `object` for what has no form as text."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, types.UnionType):
        kinds = {_kind(argument) for argument in arguments if argument is not types.NoneType}
        return kinds.pop() if len(kinds) == 1 else object
    if origin in (list, tuple):
        return list if _kind(arguments[0]) is str else object
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return str
    return annotation if isinstance(annotation, type) else object


PARAMETERS: Final[Mapping[str, Parameter]] = {
    parameter.name: parameter for group in RENDER_GROUPS for parameter in _parameters(group)
} | {
    CACHE_TTL: Parameter(CACHE_TTL, int, JobOptions.model_fields[CACHE_TTL].description or ""),
}


def _given_twice(name: str, option: str) -> LinkParameterError:
    return LinkParameterError(
        name, f"gives `{option}` once more", allowed=f"`{option}`, or its parts with a dot, but not both"
    )


def read_link(
    parameters: Mapping[str, str], *, cache_ttl_s: int, is_document: bool, context: Mapping[str, Any]
) -> RenderRequest:
    """The request that a link stands for.

    Args:
        parameters: of the link, those of `PARAMETERS` alone.
        cache_ttl_s: seconds for which a picture is served again, unless the link has its own number.
        is_document: whether it is a link to a pdf, not to a picture.
        context: pydantic's, as for a request that comes as JSON.

    Raises:
        LinkParameterError: one of them cannot be read, or is for the other kind of link.
        pydantic.ValidationError: what they say is not allowed.
    """
    document: dict[str, Any] = {CACHE_TTL: cache_ttl_s}
    for name, text in parameters.items():
        *groups, last = name.split(_DOT)
        place = document
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise _given_twice(name, group)
        if last in place and name != CACHE_TTL:
            raise _given_twice(name, name)
        place[last] = PARAMETERS[name].read(text)
    if is_document:
        if "format" in document:
            raise LinkParameterError("format", "is for pictures", allowed="none: this is a pdf")
        document["format"] = Format.PDF
    elif document.get("format", Format.PNG) not in PICTURES:
        message = "is not for this path, which shows pictures; a pdf has the path /v1/pdf"
        raise LinkParameterError("format", message, allowed="png, jpeg, webp or avif")
    document["retention_s"] = min(max(document[CACHE_TTL], _MIN_RETENTION_S), MAX_RETENTION_S)
    return RenderRequest.model_validate(document, context=dict(context))
