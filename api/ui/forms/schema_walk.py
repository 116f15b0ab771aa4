"""A schema of the OpenAPI document as the fields of a form."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from api.openapi.document import GROUP
from api.ui.forms.field import Field, FieldGroup, Kind

_REF: Final = "$ref"
# Deeper objects, and those that contain themselves, are asked as JSON.
_MAX_DEPTH: Final = 4
# Longer texts than any address get several lines.
_LONGEST_LINE: Final = 8192
_PASSWORD: Final = "password"  # noqa: S105 - the name of fields, not a secret
_NO_GROUP: Final = "more"
_ACRONYMS: Final = frozenset({"pdf"})


class SchemaWalk:
    """Walks through the schemas of one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Remember the document's schemas."""
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def groups(self, model: str, order: tuple[str, ...] = ()) -> tuple[FieldGroup, ...]:
        """The fields of a schema in their groups.

        Args:
            model: name of the schema.
            order: the groups that come first, in this order; others follow as the schema has them.
        """
        found: dict[str, list[Field]] = {name: [] for name in order}
        properties = self._schemas[model]["properties"]
        for field in self._fields(self._schemas[model], "", depth=0):
            group = properties[field.name].get(GROUP, _NO_GROUP)
            found.setdefault(group, []).append(field)
        return tuple(
            FieldGroup(name, _title(name), tuple(fields)) for name, fields in found.items() if fields
        )

    def _fields(self, schema: Mapping[str, Any], prefix: str, *, depth: int) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, inner in schema["properties"].items():
            yield self._field(inner, f"{prefix}{name}", is_required=name in required, depth=depth)

    def _field(self, outer: Mapping[str, Any], name: str, *, is_required: bool, depth: int) -> Field:
        choices = self._without_null(outer)
        schema = dict(choices[0]) if len(choices) == 1 else {}
        if "examples" in outer:
            schema["examples"] = outer["examples"]
        default = outer.get("default")
        items = self._without_null(schema["items"]) if "items" in schema else choices
        bare = Field(
            name,
            Kind.JSON,
            outer.get("description", ""),
            default,
            is_required,
            schema,
            types=frozenset(item["type"] for item in items if "type" in item),
        )
        return self._with_kind(bare, choices, items, depth)

    def _with_kind(
        self, bare: Field, choices: list[Mapping[str, Any]], items: list[Mapping[str, Any]], depth: int
    ) -> Field:
        """The field with its kind, and what belongs to it."""
        kinds = {choice.get("type") for choice in choices}
        words = tuple(items[0].get("enum", ())) if len(items) == 1 else ()
        if words and kinds == {"array"}:
            return replace(bare, kind=Kind.CHOICES, choices=words)
        if words:
            return replace(bare, kind=Kind.CHOICE, choices=words)
        if kinds == {"boolean"} and not isinstance(bare.default, bool):
            return replace(bare, kind=Kind.CHOICE, choices=(True, False))
        if kinds in ({"object"}, {"boolean", "object"}):
            return self._of_object(bare, choices, depth)
        return replace(bare, kind=_kind_of(kinds, bare))

    def _of_object(self, bare: Field, choices: list[Mapping[str, Any]], depth: int) -> Field:
        schema = next(choice for choice in choices if choice.get("type") == "object")
        if schema.get("additionalProperties") == {"type": "string"}:
            return replace(bare, kind=Kind.PAIRS)
        if "properties" not in schema or depth + 1 >= _MAX_DEPTH:
            return bare
        fields = tuple(self._fields(schema, f"{bare.name}.", depth=depth + 1))
        return replace(bare, kind=Kind.OBJECT if len(choices) == 1 else Kind.SWITCH, fields=fields)

    def _without_null(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What a value may be, each without references."""
        schema = self._resolved(schema)
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices is None:
            return [schema]
        found = [one for choice in choices for one in self._without_null(choice)]
        return [one for one in found if one.get("type") != "null"]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while _REF in schema:
            schema = self._schemas[schema[_REF].rpartition("/")[2]]
        return schema


def _title(name: str) -> str:
    return name.upper() if name in _ACRONYMS else name.replace("_", " ").capitalize()


def _kind_of(kinds: AbstractSet[str | None], bare: Field) -> Kind:
    if kinds == {"boolean"}:
        return Kind.BOOLEAN
    if kinds in ({"integer"}, {"number"}):
        return Kind.NUMBER
    if kinds == {"string"}:
        return _kind_of_text(bare)
    if kinds == {"array"}:
        return Kind.LINES if "string" in bare.types else Kind.JSON
    if "string" in kinds:
        return Kind.TEXT if kinds <= {"string", "number", "integer"} else Kind.TEXT_OR_JSON
    return Kind.JSON


def _kind_of_text(bare: Field) -> Kind:
    if bare.label == _PASSWORD:
        return Kind.MASKED
    longest = bare.schema.get("maxLength")
    # A text that must have something in it, and has no length to which it is bound, is a whole document.
    is_document = longest is None and "minLength" in bare.schema and "pattern" not in bare.schema
    return Kind.AREA if is_document or (longest or 0) > _LONGEST_LINE else Kind.TEXT
