"""Every error that pydantic can raise for our models has words of ours, which speak of one field."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticKnownError, core_schema

import api
import fleet
import worker
from api.dependencies import Parameters
from fleet.input.field_errors import field_errors_of, in_words
from fleet.render.request import RenderRequest
from fleet.schedules.request import ScheduleRequest
from fleet.settings import FleetSettings
from fleet.tenants.requests import KeyRequest, TenantRequest

PYDANTIC = frozenset(get_args(core_schema.ErrorType))
# What can be wrong with a value, by the kind of its core schema. A kind that is not here is new to us: look
# up in pydantic-core's source what it raises.
RAISES: Mapping[str, set[str]] = {
    "any": set(),
    "bool": {"bool_type", "bool_parsing"},
    "datetime": {
        "datetime_type",
        "datetime_parsing",
        "datetime_from_date_parsing",
        "datetime_object_invalid",
    },
    "default": set(),
    "dict": {"dict_type"},
    "definition-ref": set(),
    "definitions": set(),
    "enum": {"enum"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "frozenset": {"frozen_set_type"},
    "function-after": {"value_error"},
    "function-before": {"value_error"},
    "function-wrap": {"value_error"},
    "int": {"int_type", "int_parsing", "int_from_float", "int_parsing_size", "finite_number"},
    "is-instance": set(),  # stands beside what reads text
    "json-or-python": set(),
    "lax-or-strict": set(),
    "list": {"list_type"},
    "model": {"model_type"},
    "model-field": {"missing"},
    "model-fields": {"model_attributes_type", "extra_forbidden"},
    "nullable": set(),
    "str": {"string_type", "string_unicode"},
    "tuple": {"tuple_type"},
    "union": set(),
    "uuid": {"uuid_type", "uuid_parsing"},
}
# The same by what bounds a value, for text and for all others.
BOUNDS = {
    "ge": "greater_than_equal",
    "gt": "greater_than",
    "le": "less_than_equal",
    "lt": "less_than",
    "max_length": "too_long",
    "min_length": "too_short",
    "multiple_of": "multiple_of",
    "pattern": "string_pattern_mismatch",
    "tz_constraint": "timezone_aware",
}
OF_TEXT = {"max_length": "string_too_long", "min_length": "string_too_short"}
# What pydantic tells besides.
CONTEXTS: Mapping[str, dict[str, Any]] = {
    "datetime_from_date_parsing": {"error": "of a date"},
    "datetime_object_invalid": {"error": "of an object"},
    "datetime_parsing": {"error": "of a time"},
    "enum": {"expected": "'red' or 'blue'"},
    "model_type": {"class_name": "Model"},
    "too_long": {"field_type": "List", "actual_length": 7},
    "too_short": {"field_type": "List", "actual_length": 0},
    "uuid_parsing": {"error": "of a UUID"},
    "value_error": {"error": ValueError("of our own")},
}
NOTHING = object()
VALUES: tuple[object, ...] = (
    *(NOTHING, None, True, 0, 1, -1, 1.5, 10**30, float("nan"), float("inf")),
    *("", "x", "\0", "\ud800", "9" * 5000, "2026-12-24", "2026-12-24T18:00:00", "2026-13-45T99:00:00Z"),
    *([], [None], ["x"] * 1001, {}, {"unknown": 1}),
)


def models() -> list[type[BaseModel]]:
    """The models of what people write: bodies, parameters and settings."""
    for package in (api, fleet, worker):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    prefixes = ("api.", "fleet.", "worker.")
    ours = {model for model in subclasses(BaseModel) if model.__module__.startswith(prefixes)}
    read = [
        model
        for model in ours
        if issubclass(model, FleetSettings | Parameters) or model.model_config.get("extra") == "forbid"
    ]
    return sorted(read, key=lambda model: model.__name__)


def subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def schemas(node: object) -> Iterator[dict[str, Any]]:
    """Each schema inside of a core schema, and itself."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node
        yield from schemas(
            [part for name, part in node.items() if name not in ("metadata", "serialization", "config")]
        )
    elif isinstance(node, list | tuple):
        for part in node:
            yield from schemas(part)


def possible_errors(model: type[BaseModel]) -> Iterator[PydanticKnownError]:
    for schema in schemas(model.__pydantic_core_schema__):
        kind = schema["type"]
        if kind in ("no-info", "with-info"):  # how a function is called
            continue
        bounds = BOUNDS | (OF_TEXT if kind == "str" else {})
        for type_ in RAISES[kind]:
            yield PydanticKnownError(type_, CONTEXTS.get(type_))  # type: ignore[arg-type]
        for name in bounds.keys() & schema.keys():
            type_ = bounds[name]
            context = {name: schema[name], **CONTEXTS.get(type_, {})}
            yield PydanticKnownError(type_, context)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_error_that_a_model_can_raise_has_words_of_ours(model: type[BaseModel]) -> None:
    for error in possible_errors(model):
        found: ErrorDetails = {
            "type": error.type,
            "loc": ("field",),
            "msg": error.message(),
            "input": 1,
            "ctx": error.context or {},
        }
        [said] = field_errors_of([found])
        assert said.field == "field"
        assert error.message() not in said.message
        assert not any(mark in said.message for mark in "{}^$'"), said


def raised(model: type[BaseModel], document: object) -> list[ErrorDetails]:
    """What pydantic finds in a document that came as JSON, and in one of a batch."""
    found: list[ErrorDetails] = []
    text = json.dumps(document)
    readers: list[Callable[[], BaseModel]] = [
        lambda: model.model_validate_json(text),
        lambda: model.model_validate(document),
    ]
    for read in readers:
        try:
            read()
        except ValidationError as error:
            found += error.errors(include_url=False, include_input=False)
    return found


def places(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """The way to each field of a model and of those inside of it."""
    for name, field in model.model_fields.items():
        yield (name,)
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from ((name, *rest) for rest in places(nested))


def document_with(value: object, place: tuple[str, ...]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    inner = document
    for name in place[:-1]:
        inner = inner.setdefault(name, {})
    if value is not NOTHING:
        inner[place[-1]] = value
    return document


@pytest.mark.parametrize("model", [RenderRequest, ScheduleRequest, TenantRequest, KeyRequest])
def test_no_message_is_pydantics_own(model: type[BaseModel]) -> None:
    for place in places(model):
        for value in VALUES:
            errors = raised(model, document_with(value, place))
            for error, said in zip(errors, field_errors_of(errors, model), strict=False):
                is_ours = error["type"] not in PYDANTIC
                assert is_ours or error["msg"] not in said.message, (place, value, said)
                assert said.field or error["type"] == "json_invalid", (place, value, said)


@pytest.mark.parametrize(
    ("document", "field", "message", "allowed"),
    [
        ({}, "url", "give exactly one of `url`, `html`, `template`, `markdown` and `files`", None),
        ({"url": "http://example.com", "html": "x"}, "url", "exactly one of", None),
        ({"html": "x", "quality": 9}, "quality", "is for jpeg, webp and avif; `format` is png", None),
        ({"html": "x", "format": "tiff"}, "format", "must be png, jpeg, webp, avif, pdf", "png, jpeg"),
        ({"html": "x", "external_id": "a\n"}, "external_id", "without control characters", "text"),
        ({"html": "x", "proxy": {"server": "1.1.1.1", "username": "u"}}, "proxy.username", "both", None),
        ({"html": "x", "proxy": {"sever": "1.1.1.1"}}, "proxy.sever", "`server`", "password, server"),
        ({"html": "x", "block_requests": [7]}, "block_requests.0", "must be text", "text"),
        ({"html": "x", "scripts": [{"content": "x"}]}, "scripts.0.content", "is not known", "text, url"),
        ({"html": "x", "actions": [{"evaluate": "x"}]}, "actions.0.evaluate", "is not known", "click, hover"),
        (
            {"html": "x", "pdf": {"margin": "2cm"}},
            "pdf.margin",
            "must be a JSON object",
            "a JSON object with b",
        ),
    ],
)
def test_a_rule_names_its_field(document: object, field: str, message: str, allowed: str | None) -> None:
    errors = field_errors_of(raised(RenderRequest, document), RenderRequest)
    said = next(error for error in errors if error.field == field)
    assert message in said.message
    assert (said.allowed or "").startswith(allowed or "")


def test_a_field_is_named_from_the_root_of_the_document() -> None:
    schedule = {"cron": "@daily", "job": {"html": "x", "quality": 9}, "compare": {"threshold": 7}}
    errors = field_errors_of(raised(ScheduleRequest, schedule), ScheduleRequest)
    assert {error.field for error in errors} == {"job.quality", "compare.threshold"}


def test_a_single_text_where_a_list_is_needed_gets_told_of_the_brackets() -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "fail_if_content_missing": "secret"})
    hint = 'put brackets around a single text, such as ["text"]'
    assert in_words(caught.value, RenderRequest) == f"fail_if_content_missing: must be a list; {hint}"


def test_lists_have_entries() -> None:
    key = {"tenant_id": "0198c1d0-0000-7000-8000-000000000001", "scopes": []}
    said, *_ = field_errors_of(raised(KeyRequest, key), KeyRequest)
    assert said.sentence == "scopes: must have at least 1 entry"


def test_the_body_as_a_whole_has_no_field() -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate_json("{")
    [said] = field_errors_of(caught.value.errors(), RenderRequest)
    assert said.field is None
    assert said.message.startswith("the body is not valid JSON: ")
    said, *_ = field_errors_of(raised(RenderRequest, []), RenderRequest)
    assert said.sentence == "the body must be a JSON object"


def test_all_errors_stand_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "priority": 10, "timeout_ms": 0})
    words = in_words(caught.value, RenderRequest)
    assert words.split("; ") == ["priority: must be at most 9", "timeout_ms: must be at least 1"]


@pytest.mark.parametrize("name", ["path", "body", "query", "header"])
def test_an_unknown_field_may_have_the_name_of_a_part_of_a_call(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "<p>", name: "x"})
    (found,) = field_errors_of(caught.value.errors(include_url=False), RenderRequest)
    assert found.field == name
