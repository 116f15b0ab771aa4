"""Which statuses and texts can be named as a reason to fail."""

import pytest
from pydantic import ValidationError

from fleet.render.link_parameters import read_link
from fleet.render.request import RenderRequest

URL = "https://example.com/"


def asked(**options: object) -> RenderRequest:
    return RenderRequest.model_validate({"url": URL, **options})


def test_a_status_is_a_number_or_a_class_however_it_is_written() -> None:
    assert asked(fail_on_status=[503, "404", "4XX", 404]).fail_on_status == ("404", "4xx", "503")
    assert asked(fail_on_status=[404, 503]).canonical() == asked(fail_on_status=["503", "404"]).canonical()


@pytest.mark.parametrize("status", ["40", "4000", "9xx", "4x", "ok", 99, 600, -404, True, 4.5, None])
def test_what_is_no_status_is_refused(status: object) -> None:
    with pytest.raises(ValidationError) as caught:
        asked(fail_on_status=[status])
    assert caught.value.errors()[0]["loc"][:2] == ("fail_on_status", 0)


@pytest.mark.parametrize("texts", [[""], [" "], ["x" * 1001], ["x"] * 51, "x"])
def test_texts_are_bounded(texts: object) -> None:
    with pytest.raises(ValidationError):
        asked(fail_if_content_contains=texts)


def test_a_link_can_name_them() -> None:
    link = {"url": URL, "fail_on_status": "5xx,404", "fail_on_console_error": "true"}
    request = read_link(link, cache_ttl_s=0, is_document=False, context={})
    assert (request.fail_on_status, request.fail_on_console_error) == (("404", "5xx"), True)
