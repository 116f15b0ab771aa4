"""Screens and devices: what a name stands for, and what wins over it."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.render.devices import devices
from fleet.render.request import RenderRequest
from fleet.render.sealed import whole_json

PHONE = devices()["iPhone 13"]


def request(**options: Any) -> RenderRequest:
    return RenderRequest.model_validate({"html": "x", **options})


def said(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        request(**options)
    return field_errors_of(caught.value.errors(), RenderRequest)[0].sentence


@pytest.mark.parametrize("name", devices())
def test_every_device_is_a_valid_request(name: str) -> None:
    found = request(device=name).model_dump(include=set(devices()[name]))
    assert found == devices()[name]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"viewport": {"width": 500}}, {"viewport": {"width": 500, "height": PHONE["viewport"]["height"]}}),
        ({"viewport": {"width": 500, "height": 400}}, {"viewport": {"width": 500, "height": 400}}),
        ({"device_scale_factor": 1}, {"device_scale_factor": 1}),
        ({"is_mobile": False, "has_touch": False}, {"is_mobile": False, "has_touch": False}),
        ({"user_agent": "mine"}, {"user_agent": "mine"}),
        ({"user_agent": None}, {"user_agent": None}),
    ],
)
def test_what_is_given_wins_over_the_device_also_after_it_was_stored(
    given: dict[str, Any], taken: dict[str, Any]
) -> None:
    asked = request(device="iPhone 13", **given)
    expected = {**PHONE, **taken}
    assert asked.model_dump(include=set(expected)) == expected
    assert RenderRequest.model_validate_json(whole_json(asked)) == asked


def test_a_device_and_its_options_are_the_same_request() -> None:
    by_name, by_options = request(device="iPhone 13"), request(**PHONE)
    assert by_name.rendered() == by_options.rendered()
    assert by_name.canonical() == by_options.canonical()
    assert by_name.rendered() != request(device="iPhone 13", device_scale_factor=1).rendered()


def test_a_side_that_is_not_given_is_that_of_the_default() -> None:
    assert request(viewport={"height": 400}).viewport.model_dump() == {"width": 1280, "height": 400}


def test_an_unknown_device_is_refused_with_the_one_that_is_meant() -> None:
    unknown = "device: is no device that Playwright has"
    assert said(device="iphone 13 pro") == f"{unknown}; did you mean `iPhone 13 Pro`?"
    assert said(device="toaster" * 100) == unknown
    assert said(device=7) == "device: must be text"


def test_the_pixels_of_a_device_are_capped_with_the_rest() -> None:
    assert "device_scale_factor" in said(device="iPhone 13", viewport={"width": 4000, "height": 4000})
