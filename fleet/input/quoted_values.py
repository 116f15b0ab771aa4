"""Numbers and booleans that were given as text, such as `"800"` or `"true"`.

pydantic takes them, and with them what nobody can mean: " 1_000" and "yes". Here they are refused, with
words that say what is wrong. Its strict mode is of no use: it takes no list as a tuple and no text as an enum
where a document was read before, as those of batches are.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel

_MEANT: Final = re.compile(r"\s*(true|false|[-+]?[0-9]{1,20}(\.[0-9]{1,20})?)\s*", re.ASCII | re.IGNORECASE)
HINT: Final = "; write it without quotation marks"


class Quoted:
    """Stands for a text where no text can be, so that it is found wrong.

    Attributes:
        is_meant: whether it would be right without its quotation marks, as far as one can see.
    """

    def __init__(self, text: str) -> None:
        self.is_meant = _MEANT.fullmatch(text) is not None


def with_quoted(document: Any, model: type[BaseModel]) -> Any:
    """The same document, in which `Quoted` stands for each text where the model has a number or boolean."""
    if isinstance(document, list):
        return [with_quoted(entry, model) for entry in document]
    if not isinstance(document, dict):
        return document
    values, objects = _places(model)
    changed: dict[str, Any] = {}
    for name, value in document.items():
        if name in values and isinstance(value, str):
            changed[name] = Quoted(value)
        elif name in objects and isinstance(value, dict | list):
            changed[name] = with_quoted(value, objects[name])
    return {**document, **changed} if changed else document


@cache
def _places(model: type[BaseModel]) -> tuple[frozenset[str], dict[str, type[BaseModel]]]:
    """The fields that are numbers or booleans, and those that are objects of one kind or lists of them."""
    values, objects = set(), {}
    for name, field in model.model_fields.items():
        kinds = set(_kinds(field.annotation))
        models = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if len(models) == 1:
            objects[name] = models[0]
        elif kinds & {int, float, bool} and str not in kinds:
            values.add(name)
    return frozenset(values), objects


def _kinds(annotation: Any) -> Iterator[type]:
    if arguments := get_args(annotation):
        for argument in arguments:
            yield from _kinds(argument)
    elif isinstance(annotation, type):
        yield annotation
