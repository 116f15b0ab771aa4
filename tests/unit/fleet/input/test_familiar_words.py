"""Whoever comes from another service is told our word for theirs."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from fleet.input.familiar_words import OUR_NAMES, OUR_VALUES
from fleet.input.field_errors import field_errors_of
from fleet.render.request import RenderRequest
from fleet.schedules.request import ScheduleRequest

UNQUOTE = "; write it without quotation marks"


def said(document: dict[str, Any], model: type[BaseModel] = RenderRequest) -> list[str]:
    """What is said of a document that came as JSON; one of a batch must give the same."""
    sentences = []
    text = json.dumps(document)
    for is_json in (True, False):
        with pytest.raises(ValidationError) as caught:
            model.model_validate_json(text) if is_json else model.model_validate(document)
        sentences.append([found.sentence for found in field_errors_of(caught.value.errors(), model)])
    assert sentences[0] == sentences[1]
    return sentences[0]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        *(("width", "viewport.width"), ("height", "viewport.height"), ("fullPage", "full_page")),
        *(("deviceScaleFactor", "device_scale_factor"), ("waitFor", "wait_for_selector")),
        *(("waitUntil", "wait_until"), ("omitBackground", "omit_background"), ("userAgent", "user_agent")),
        *(("delay", "delay_ms"), ("timeout", "timeout_ms"), ("waitDelay", "delay_ms")),
        *(("ignoreHTTPSErrors", "ignore_https_errors"), ("bypassCSP", "bypass_csp")),
        *(("javaScriptEnabled", "java_script_enabled"), ("timezoneId", "timezone_id")),
        *(("dark_mode", "color_scheme"), ("ttl", "cache_ttl_s"), ("Full-Page", "full_page")),
        *(("printBackground", "pdf.print_background"), ("paperWidth", "pdf.width")),
        *(("marginTop", "pdf.margin.top"), ("displayHeaderFooter", "pdf.display_header_footer")),
        *(("merge", "pdf.append"), ("encrypt", "pdf.password"), ("ownerPassword", "pdf.password.owner")),
        *(("addStyleTag", "styles"), ("failOnHttpStatusCodes", "fail_on_status"), ("tz", "timezone_id")),
    ],
)
def test_a_name_of_another_service_is_answered_with_ours(theirs: str, ours: str) -> None:
    assert said({"html": "x", theirs: 1}) == [f"{theirs}: is not known; did you mean `{ours}`?"]


def test_names_are_known_where_they_stand() -> None:
    outside = "did you mean `device_scale_factor`, outside of this object?"
    puppeteer = {"html": "x", "viewport": {"deviceScaleFactor": 2}}
    assert said(puppeteer) == [f"viewport.deviceScaleFactor: is not known here; {outside}"]
    schedule = {"cron": "@daily", "job": {"html": "x", "fullPage": True}}
    assert said(schedule, ScheduleRequest) == ["job.fullPage: is not known; did you mean `full_page`?"]
    pdf = {"html": "x", "format": "pdf", "pdf": {"encrypt": {}}}
    assert said(pdf) == ["pdf.encrypt: is not known; did you mean `password`?"]
    assert said({"html": "x", "screeen": {}}) == ["screeen: is not known; did you mean `screen`?"]
    assert said({"html": "x", "x" * 5000: 1})[0].endswith("…: is not known")


@pytest.mark.parametrize(
    ("field", "theirs", "ours"),
    [
        *(("format", "jpg", "jpeg"), ("format", "PNG", "png"), ("wait_until", "networkidle0", "networkidle")),
        *(("wait_until", "networkidle2", "networkidle"), ("wait_until", "network-idle", "networkidle")),
        *(("wait_until", "DOMContentLoaded", "domcontentloaded"), ("reduced_motion", True, "reduce")),
        *(("color_scheme", "no-preference", "light"), ("wait_until", "netwrkidle", "networkidle")),
    ],
)
def test_a_value_of_another_service_is_answered_with_ours(field: str, theirs: object, ours: str) -> None:
    [sentence] = said({"html": "x", field: theirs})
    assert sentence.startswith(f"{field}: must be ")
    assert sentence.endswith(f"; did you mean `{ours}`?")


@pytest.mark.parametrize("value", ["swordfish", "", "x" * 5000, 7, None, {"a": 1}])
def test_a_value_that_is_no_word_of_anybody_is_not_repeated(value: object) -> None:
    [sentence] = said({"html": "x", "format": value})
    assert "did you mean" not in sentence
    assert "swordfish" not in sentence


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"full_page": "true"}, f"full_page: must be true or false{UNQUOTE}"),
        ({"timeout_ms": "5000"}, f"timeout_ms: must be a whole number{UNQUOTE}"),
        ({"quality": "80", "format": "jpeg"}, f"quality: must be a whole number{UNQUOTE}"),
        ({"device_scale_factor": " 1.5"}, f"device_scale_factor: must be a number{UNQUOTE}"),
        ({"viewport": {"width": "800"}}, f"viewport.width: must be a whole number{UNQUOTE}"),
        ({"full_page": "yes"}, "full_page: must be true or false"),
        ({"timeout_ms": "1_000"}, "timeout_ms: must be a whole number"),
        ({"timeout_ms": "soon"}, "timeout_ms: must be a whole number"),
    ],
)
def test_a_number_or_boolean_as_text_is_refused(document: dict[str, Any], sentence: str) -> None:
    assert said({"html": "x", **document}) == [sentence]


def test_each_suggestion_is_a_field_and_a_value_that_exist() -> None:
    roots = {name.partition(".")[0] for name in OUR_NAMES.values()}
    assert roots <= set(RenderRequest.model_fields)
    assert not set(OUR_NAMES) & set(RenderRequest.model_fields), "a name that exists is never unknown"
    assert set(OUR_VALUES) <= set(RenderRequest.model_fields)
