"""One field of a form, and how a value is written into it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """How a field looks, and how what is typed becomes a value."""

    TEXT = "text"
    # Is not shown while it is typed.
    MASKED = "masked"
    AREA = "area"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    # Several of a closed list.
    CHOICES = "choices"
    # A list of texts, one a line.
    LINES = "lines"
    # An object of texts: `name: value`, one a line.
    PAIRS = "pairs"
    # A text, unless it is an object or a list as JSON.
    TEXT_OR_JSON = "text_or_json"
    JSON = "json"
    # Fields of its own.
    OBJECT = "object"
    # Fields of its own, and a checkbox for the case that all of them have their defaults.
    SWITCH = "switch"


WITH_FIELDS: Final = frozenset({Kind.OBJECT, Kind.SWITCH})


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: where its value is in the request, such as `pdf.margin.top`.
        kind: how it is asked.
        about: what it does; parts between backticks are code.
        default: what counts if nothing is given; None: nothing.
        is_required: whether the object that it is in needs it.
        schema: what may be given, without references and null.
        choices: the closed list that it is of.
        types: what the value, or each value of a list, may be: JSON Schema's words.
        fields: those inside it.
    """

    name: str
    kind: Kind
    about: str = ""
    default: Any = None
    is_required: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Any, ...] = ()
    types: frozenset[str] = frozenset()
    fields: tuple["Field", ...] = ()

    @property
    def label(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]

    @property
    def placeholder(self) -> str:
        """What stands in the empty field: the default, or an example."""
        if self.default not in (None, [], {}, ()):
            return as_text(self.default)
        examples = self.schema.get("examples") or ()
        if not examples:
            return ""
        example = examples[0]
        if self.kind is Kind.LINES and isinstance(example, list):
            return "\n".join(as_text(one) for one in example)
        if self.kind is Kind.PAIRS and isinstance(example, Mapping):
            return "\n".join(f"{name}: {value}" for name, value in example.items())
        return as_text(example)

    @property
    def limits(self) -> str:
        """What a number or text may be, in few words; empty: there is nothing to say."""
        low, high = self.schema.get("minimum"), self.schema.get("maximum")
        if low is not None and high is not None:
            return f"{low:,} to {high:,}"
        if low is not None or high is not None:
            return f"from {low:,}" if high is None else f"up to {high:,}"
        longest = self.schema.get("maxItems")
        return f"up to {longest:,}" if longest else ""

    def all_fields(self) -> Iterator["Field"]:
        """This field and all inside it."""
        yield self
        for inner in self.fields:
            yield from inner.all_fields()


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that are about the same.

    Attributes:
        id: a word for the ids of elements.
        title: for people.
        fields: in the order of the schema.
    """

    id: str
    title: str
    fields: tuple[Field, ...]

    def all_fields(self) -> Iterator[Field]:
        """All fields, also those inside others."""
        for one in self.fields:
            yield from one.all_fields()


def as_text(value: Any) -> str:
    """A value as it is typed: a text as it is, all else as JSON."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
