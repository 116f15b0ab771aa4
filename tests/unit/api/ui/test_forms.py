"""A form that grows out of the schema of a request: its fields, and what is typed into them."""

import json
from typing import Any

import pytest
from fastapi import FastAPI

from api.openapi.document import openapi_document
from api.ui.forms.field import Field, FieldGroup, Kind
from api.ui.forms.reading import MORE, fill, read
from api.ui.forms.schema_walk import SchemaWalk
from fleet.render.request import RenderRequest


def document() -> dict[str, Any]:
    return openapi_document(FastAPI())


DOCUMENT = document()
GROUPS = SchemaWalk(DOCUMENT).groups("RenderRequest")


def fields(groups: tuple[FieldGroup, ...] = GROUPS) -> dict[str, Field]:
    return {field.name: field for group in groups for field in group.all_fields()}


def test_each_option_has_a_field_in_the_group_of_its_module() -> None:
    tops = {field.name for group in GROUPS for field in group.fields}
    assert tops == set(RenderRequest.model_fields)
    by_title = {group.title: {field.name for field in group.fields} for group in GROUPS}
    assert {"url", "html"} <= by_title["Source"]
    assert "full_page" in by_title["Full page"]
    assert "priority" in by_title["Job"]


def test_a_new_option_appears_by_itself() -> None:
    grown = json.loads(json.dumps(DOCUMENT))
    properties = grown["components"]["schemas"]["RenderRequest"]["properties"]
    properties["processors"] = {
        "anyOf": [{"type": "integer", "minimum": 1, "maximum": 64}, {"type": "null"}],
        "default": None,
        "description": "`navigator.hardwareConcurrency`.",
        "x-group": "hardware",
    }
    properties["without_group"] = {"type": "boolean", "default": False}
    groups = SchemaWalk(grown).groups("RenderRequest", ("source", "output"))
    assert [group.title for group in groups[:2]] == ["Source", "Output"]
    found = fields(groups)
    assert found["processors"].kind is Kind.NUMBER
    assert found["processors"].limits == "1 to 64"
    assert found["processors"].about == "`navigator.hardwareConcurrency`."
    assert [group.title for group in groups if found["processors"] in group.fields] == ["Hardware"]
    assert found["without_group"].kind is Kind.BOOLEAN
    assert read(groups, {"processors": ["4"]}).request == {"processors": 4}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("url", Kind.TEXT),
        ("html", Kind.AREA),
        ("format", Kind.CHOICE),
        ("quality", Kind.NUMBER),
        ("full_page", Kind.BOOLEAN),
        ("viewport.width", Kind.NUMBER),
        ("pdf.margin.top", Kind.TEXT),
        ("pdf.display_header_footer", Kind.CHOICE),
        ("block_resources", Kind.CHOICES),
        ("hide_selectors", Kind.LINES),
        ("cookies", Kind.LINES),
        ("headers", Kind.PAIRS),
        ("styles", Kind.TEXT_OR_JSON),
        ("actions", Kind.JSON),
        ("data", Kind.JSON),
        ("evidence", Kind.SWITCH),
        ("evidence.bodies", Kind.BOOLEAN),
        ("basic_auth.password", Kind.MASKED),
    ],
)
def test_how_options_are_asked(name: str, kind: Kind) -> None:
    assert fields()[name].kind is kind


def test_an_object_that_contains_itself_is_asked_as_json_at_some_depth() -> None:
    node = {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Node"}}}
    schemas = {"Node": node, "Request": {"properties": {"node": {"$ref": "#/components/schemas/Node"}}}}
    [group] = SchemaWalk({"components": {"schemas": schemas}}).groups("Request")
    deepest = [*group.all_fields()][-1]
    assert deepest.kind is Kind.JSON
    assert deepest.name.startswith("node.inner.")


def test_defaults_and_examples_stand_in_empty_fields() -> None:
    found = fields()
    assert found["viewport.width"].placeholder == "1280"
    assert found["hide_selectors"].placeholder == ".cookie-banner\n#chat"
    assert found["headers"].placeholder.startswith("Authorization: ")
    assert found["quality"].limits == "1 to 100"


def test_only_what_differs_from_its_default_is_sent() -> None:
    typed = fill(GROUPS, {"url": "https://example.com/"}) | {
        "format": ["png"],
        "viewport.width": ["1280"],
        "viewport.height": ["800"],
        "device_scale_factor": ["1"],
        "priority": [" 5 "],
        "quality": [""],
        "pdf.scale": ["1"],
        "headers": ["  "],
        "full_page": ["", "on"],
        "wait_for_fonts": [""],
    }
    assert read(GROUPS, typed).request == {
        "url": "https://example.com/",
        "viewport": {"height": 800},
        "full_page": True,
        "wait_for_fonts": False,
    }


def test_with_a_device_a_default_counts_too() -> None:
    typed = {
        "device": ["iPhone 15"],
        "viewport.width": ["1280"],
        "has_touch": [""],
        "color_scheme": ["light"],
    }
    assert read(GROUPS, typed).request == {
        "device": "iPhone 15",
        "viewport": {"width": 1280},
        "color_scheme": "light",
    }


def test_lines_end_as_they_were_typed_not_as_browsers_send_them() -> None:
    typed = {"html": ["<pre>a\r\nb</pre>"], "hide_selectors": [".a\r\n.b"]}
    assert read(GROUPS, typed).request == {"html": "<pre>a\nb</pre>", "hide_selectors": [".a", ".b"]}


def test_what_was_not_asked_is_not_sent() -> None:
    assert read(GROUPS, {}).request == {}


REQUESTS: list[dict[str, Any]] = [
    {"url": "https://example.com/?a=b&c=ü"},
    {
        "html": "<p>it's\n\n  two\tlines</p>\n",
        "styles": "nav { display: none }",
        "scripts": ["a()", {"url": "https://x.y/"}],
    },
    {
        "url": "u",
        "fail_on_status": [404, "5xx"],
        "fail_if_content_contains": ["404", "a b"],
        "format": "webp",
    },
    {"url": "u", "headers": {"X-A": "b: c", "Y": "z"}, "cookies": ["a=b", {"name": "n", "value": "v"}]},
    {"url": "u", "evidence": True},
    {"url": "u", "evidence": {"bodies": True}},
    {"url": "u", "evidence": False},
    {"url": "u", "pdf": {"margin": {"top": 20, "left": "2cm"}, "rotate": [{"degrees": 90}], "outline": True}},
    {
        "url": "u",
        "pdf": {"display_header_footer": False, "password": {"user": "p", "permissions": ["print"]}},
    },
    {
        "url": "u",
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2.5,
        "clip": {"x": 0, "y": 0},
    },
    {"url": "u", "device": "iPhone 15", "is_mobile": False, "has_touch": True},
    {
        "url": "u",
        "block_resources": ["image", "font"],
        "wait_for_selector": {"selector": "#a", "state": "hidden"},
    },
    {"url": "u", "block_resources": ["font", "unheard-of"]},
    {"url": "u", "hide_selectors": [" padded ", "two\nlines", ""]},
    {"url": "u", "an_option_of_another_release": {"a": [1, None]}, "quality": "much"},
    {"template": "{{ x }}", "data": {"x": [1.5, True, None, "ü"]}, "timeout_ms": 30000},
    {
        "url": "u",
        "wait_for_fonts": False,
        "article_only": False,
        "geolocation": {"latitude": -0.5, "longitude": 1e-05},
    },
    {"url": "u", "selector": "{not json", "actions": [{"click": "#a"}]},
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_comes_out_of_the_form_as_it_went_in(request_: dict[str, Any]) -> None:
    reading = read(GROUPS, fill(GROUPS, request_))
    assert (reading.request, reading.errors) == (request_, {})


def test_what_no_field_can_say_stands_in_the_last_one_and_nowhere_else() -> None:
    typed = fill(GROUPS, {"url": "u", "pdf": {"scale": 0.5, "new": 1}})
    assert json.loads(typed[MORE][0]) == {"pdf": {"scale": 0.5, "new": 1}}
    assert "pdf.scale" not in typed
    assert MORE not in fill(GROUPS, {"url": "u"})


def test_what_cannot_be_read_is_said_of_its_field() -> None:
    typed = {"data": ["{"], "headers": ["no colon"], MORE: ["[1]"], "actions": ["NaN"], "quality": ["1e999"]}
    reading = read(GROUPS, typed)
    assert set(reading.errors) == {"data", "headers", MORE, "actions"}
    assert "`no colon`" in reading.errors["headers"]
    assert reading.errors[MORE] == "must be a JSON object"
    # The API says in its own words what is wrong with it.
    assert reading.request["quality"] == "1e999"
