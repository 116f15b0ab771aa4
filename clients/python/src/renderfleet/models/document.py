"""The base of all documents that the API answers with: decoded from JSON, frozen, nothing is dropped."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

from renderfleet.errors import UnexpectedAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON object of the API.

    Attributes:
        raw: the object as it came, with fields that this version of the client does not know.
    """

    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Decode an object. A field that may be null is None if an older server does not send it.

        Raises:
            UnexpectedAnswer: another field is missing, or it is no such object.
        """
        try:
            known = {name: _decoded(kind, raw.get(name)) for name, kind in known_fields(cls).items()}
            return cls(raw=raw, **known)
        except (AttributeError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(f"the server has sent no {cls.__name__}: {error}") from error

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that only a newer client knows."""
        known = known_fields(type(self))
        return {name: value for name, value in self.raw.items() if name not in known}


def known_fields(model: type[Document]) -> dict[str, Any]:
    """Name and type of each field of a model, without `raw`."""
    known: dict[str, Any] = _known_fields(model)  # type: ignore[arg-type] # classes are hashable
    return known


@cache
def _known_fields(model: type[Document]) -> dict[str, Any]:
    hints = get_type_hints(model)
    return {one.name: hints[one.name] for one in fields(model) if one.name != "raw"}


def _decoded(kind: Any, value: Any) -> Any:
    """A JSON value as the type of its field.

    Raises:
        TypeError, ValueError: it is none.
    """
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        (inner,) = (one for one in get_args(kind) if one is not type(None))
        return None if value is None else _decoded(inner, value)
    if value is None:
        raise ValueError("a field that is never null is missing")
    if origin is tuple:
        return tuple(_decoded(get_args(kind)[0], one) for one in value)
    if origin is Mapping:
        return {name: _decoded(get_args(kind)[1], one) for name, one in value.items()}
    return _plain(kind, value)


def _plain(kind: type, value: Any) -> Any:
    if issubclass(kind, Document):
        return kind.of(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
