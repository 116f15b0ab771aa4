"""The options of a render as text: which there are, and what they are read as."""

import pytest
from pydantic import ValidationError

from fleet.render.link_parameters import PARAMETERS, LinkParameterError, read_link
from fleet.render.options.job import JobOptions
from fleet.render.request import RenderRequest
from fleet.render.sealed import SECRET_FIELDS

URL = {"url": "https://example.com/"}


def read(*, is_document: bool = False, **options: str) -> RenderRequest:
    dotted = {name.replace("__", "."): value for name, value in options.items()}
    return read_link({**URL, **dotted}, cache_ttl_s=60, is_document=is_document, context={})


def test_every_option_of_a_page_or_picture_is_a_parameter() -> None:
    """A new option is one at once, unless nothing written in an address can mean it: then it belongs here."""
    roots = {name.partition(".")[0] for name in PARAMETERS}
    left_out = set(RenderRequest.model_fields) - roots
    lists_of_objects = {"scripts", "styles"}
    secrets = {name for name in SECRET_FIELDS if "." not in name}
    assert left_out == secrets | lists_of_objects | {"base_url", "evidence"} | (
        set(JobOptions.model_fields) - {"cache_ttl_s"}
    )
    secret = tuple(f"{name}." for name in SECRET_FIELDS)
    assert not [name for name in PARAMETERS if f"{name}.".startswith(secret)]


def test_text_is_read_as_the_option_says() -> None:
    request = read(
        viewport__width="800",
        viewport__height="600",
        full_page="true",
        device_scale_factor="1.25",
        wait_until="commit",
        block_requests="b.example,a.example",
    )
    assert request == RenderRequest.model_validate(
        {
            **URL,
            "viewport": {"width": 800, "height": 600},
            "full_page": True,
            "device_scale_factor": 1.25,
            "wait_until": "commit",
            "block_requests": ["a.example", "b.example"],
            "cache_ttl_s": 60,
            "retention_s": 3600,
        }
    )
    assert read(is_document=True).format == "pdf"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("full_page", text) for text in ("yes", "1", "True", "on", " true")),
        *(
            ("timeout_ms", text)
            for text in ("1_000", "+5", " 5", "05", "5.0", "1e3", "0x5", "\u0665", "9" * 30)
        ),
        *(("device_scale_factor", text) for text in ("1e0", "inf", "nan", ".5", "1.", "1,5")),
    ],
)
def test_text_that_could_mean_something_else_is_refused(name: str, text: str) -> None:
    with pytest.raises(LinkParameterError, match="cannot be read") as caught:
        read_link({**URL, name: text}, cache_ttl_s=0, is_document=False, context={})
    assert (caught.value.name, bool(caught.value.allowed)) == (name, True)


def test_a_picture_is_kept_as_long_as_it_is_shown_and_an_hour_at_least() -> None:
    assert read(cache_ttl_s="7200").retention_s == 7200
    assert read(cache_ttl_s="0").retention_s == 3600
    with pytest.raises(ValidationError, match="cache_ttl_s") as caught:
        read(cache_ttl_s="99999999999")
    assert [error["loc"] for error in caught.value.errors()] == [("cache_ttl_s",)]
