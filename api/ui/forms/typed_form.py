"""A form as somebody sees it: its fields, what was typed into them, and what is wrong."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from fastapi import FastAPI
from pydantic_core import to_json

from api.http.problems import RefusedError
from api.ui.forms.field import Field, FieldGroup
from api.ui.forms.reading import CHECKED, MORE, fill, read
from fleet.input.field_errors import FieldError


@dataclass(frozen=True)
class TypedForm(ABC):
    """What a person has before him. Each kind of form says which fields it has.

    Attributes:
        open_at_first: the groups that show their fields at once.
        groups: of fields.
        typed: what the fields have.
        request: what that asks for, without defaults.
        errors: what is wrong, by the names of the fields.
        faults: what is wrong with no field alone.
    """

    open_at_first: ClassVar[frozenset[str]] = frozenset()

    groups: tuple[FieldGroup, ...]
    typed: Mapping[str, Sequence[str]]
    request: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @classmethod
    @abstractmethod
    def groups_of(cls, app: FastAPI) -> tuple[FieldGroup, ...]:
        """The groups of fields, made of the app's OpenAPI document."""

    @classmethod
    def sent(cls, app: FastAPI, typed: Mapping[str, Sequence[str]]) -> Self:
        """The form that a browser has sent."""
        groups = cls.groups_of(app)
        reading = read(groups, typed)
        return cls(groups, typed, reading.request, reading.errors)

    @classmethod
    def filled(cls, app: FastAPI, request: Mapping[str, Any]) -> Self:
        """The form that asks for a request."""
        groups = cls.groups_of(app)
        return cls(groups, fill(groups, request), request)

    @classmethod
    def given(cls, app: FastAPI, parameters: Mapping[str, str]) -> Self:
        """The empty form, with what the parameters of an address have for its fields."""
        groups = cls.groups_of(app)
        names = {one.name for group in groups for one in group.all_fields()}
        typed = {name: [text] for name, text in parameters.items() if name in names}
        return cls.sent(app, {**fill(groups, {}), **typed})

    def refused(self, error: RefusedError) -> Self:
        """The same form, with what the API has found wrong beside its fields."""
        errors: dict[str, str] = dict(self.errors)
        faults: list[str] = []
        for found in error.field_errors:
            name = self._field_of(found)
            words = found.message
            if found.allowed is not None and found.allowed not in words:
                words = f"{words}; allowed: {found.allowed}"
            if name is None:
                faults.append(found.sentence)
            elif name == found.field:
                errors.setdefault(name, words)
            else:
                errors.setdefault(name, f"{_place(found.field or '', name)}: {words}")
        if not error.field_errors:
            faults.append(error.detail)
        return replace(self, errors=errors, faults=tuple(faults))

    @property
    def body(self) -> bytes:
        """The request as JSON."""
        return to_json(self.request)

    def text(self, name: str) -> str:
        """What a field has; empty if nothing."""
        values = self.typed.get(name)
        return values[-1] if values else ""

    def has(self, name: str, value: str) -> bool:
        """Whether a field of several choices has this one."""
        return value in self.typed.get(name, ())

    def is_checked(self, one: Field) -> bool:
        """Whether a checkbox is checked; if nothing was typed, whether it is by default."""
        return self.text(one.name) == CHECKED if one.name in self.typed else one.default is True

    def is_open(self, group: FieldGroup) -> bool:
        """Whether the group shows its fields at once."""
        return (
            group.id in self.open_at_first or self.given_in(group) > 0 or self.has_errors(group.all_fields())
        )

    def given_in(self, group: FieldGroup) -> int:
        """How many options of a group are asked for."""
        return sum(one.label in self.request for one in group.fields)

    def is_any_given(self, fields: Sequence[Field]) -> bool:
        """Whether one of these options is asked for, or something is wrong with it."""
        return any(one.label in self.request or self.has_errors(one.all_fields()) for one in fields)

    def has_errors(self, fields: Iterable[Field]) -> bool:
        """Whether something is wrong with one of these fields."""
        return any(one.name in self.errors for one in fields)

    def suggestions(self, one: Field) -> Sequence[str]:
        """Words that a text may be one of, for a field whose schema does not list them."""
        del one
        return ()

    @property
    def has_more(self) -> bool:
        """Whether there is something in the last field, which is for what no other field can say."""
        return bool(self.text(MORE) or MORE in self.errors)

    def _field_of(self, found: FieldError) -> str | None:
        """The field that shows an error: the one of its name, or the one that contains it."""
        names = {one.name for group in self.groups for one in group.all_fields()}
        name = found.field or ""
        while name and name not in names:
            name = name.rpartition(".")[0]
        if name and self.text(MORE) and name.partition(".")[0] in _keys(self.text(MORE)):
            return MORE
        return name or None


def _place(field_name: str, shown: str) -> str:
    """Where in a field an error is: the number of a line, or a name."""
    inner = field_name.removeprefix(f"{shown}.")
    return f"line {int(inner) + 1}" if inner.isdecimal() else inner


def _keys(text: str) -> Iterable[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return ()
    return document if isinstance(document, dict) else ()
