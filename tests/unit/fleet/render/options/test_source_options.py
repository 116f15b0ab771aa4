import json

import pytest
from pydantic import ValidationError

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy, Rule
from fleet.errors import ErrorType
from fleet.render.options.source import (
    EGRESS_CONTEXT,
    MAX_HTML_BYTES,
    MAX_URL_LENGTH,
    STORED_CONTEXT,
    SourceOptions,
)

LAPTOP = AddressPolicy(allow=(split_network("127.0.0.1:3000"),))


def refusal(document: dict[str, object], policy: AddressPolicy | None = None) -> tuple[str, str]:
    context = None if policy is None else {EGRESS_CONTEXT: policy}
    with pytest.raises(ValidationError) as caught:
        SourceOptions.model_validate(document, context=context)
    (finding,) = caught.value.errors()
    return finding["type"], finding["msg"]


def test_the_address_is_kept_as_the_browser_reads_it() -> None:
    assert SourceOptions(url=" HTTP:\\\\Example.COM\\a b").url == "http://example.com/a%20b"


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://example.com/", Rule.SCHEME),
        ("https://user:secret@example.com/", Rule.CREDENTIALS),
        ("http://127.0.0.1:3000/", Rule.HOST),
        ("http://localhost/", Rule.HOST),
        ("http://example.com:22/", Rule.PORT),
    ],
)
def test_a_blocked_address_has_a_type_of_its_own(url: str, rule: Rule) -> None:
    assert refusal({"url": url}) == (ErrorType.URL_BLOCKED.value, rule.value)


def test_a_malformed_address_is_an_ordinary_mistake() -> None:
    kind, message = refusal({"url": "example.com"})
    assert kind == "value_error"
    assert "Give a complete one, such as https://example.com/page" in message


def test_the_policy_comes_from_the_context() -> None:
    for url in ("http://127.0.0.1:3000/", "http://localhost:3000/"):
        assert SourceOptions.model_validate({"url": url}, context={EGRESS_CONTEXT: LAPTOP}).url == url
        assert (
            SourceOptions.model_validate_json(json.dumps({"url": url}), context={EGRESS_CONTEXT: LAPTOP}).url
            == url
        )
        assert refusal({"url": url})[0] == "url_blocked"
        with pytest.raises(ValidationError, match="host is not public"):
            SourceOptions.model_validate({"url": url}, context={"something": "else"})
    assert refusal({"url": "http://127.0.0.1:3001/"}, LAPTOP)[0] == "url_blocked"


@pytest.mark.parametrize("document", [{}, {"url": None}, {"url": "https://example.com/", "html": "<p>"}])
def test_exactly_one_source(document: dict[str, object]) -> None:
    kind, message = refusal(document)
    assert (kind, message) == (
        "rule",
        "give exactly one of `url`, `html`, `template`, `markdown` and `files`",
    )


def test_an_explicit_null_is_as_good_as_nothing() -> None:
    assert SourceOptions.model_validate({"url": None, "html": "<p>"}).html == "<p>"
    assert SourceOptions.model_validate({"url": "https://example.com/", "html": None}).html is None


def test_lengths_are_capped_before_anything_is_parsed() -> None:
    start = "https://example.com/"
    longest = start + "a" * (MAX_URL_LENGTH - len(start))
    assert SourceOptions(url=longest).url == longest
    assert refusal({"url": longest + "a"})[0] == "string_too_long"


def test_html_is_measured_in_bytes() -> None:
    fits = "ä" * (MAX_HTML_BYTES // 2)
    assert SourceOptions(html=fits).html == fits
    assert "at most 2,097,152 are allowed" in refusal({"html": fits + "a"})[1]
    assert refusal({"html": ""})[0] == "string_too_short"


def test_the_schema_says_the_limits() -> None:
    url, html = (SourceOptions.model_json_schema()["properties"][name] for name in ("url", "html"))
    assert {"type": "string", "maxLength": MAX_URL_LENGTH} in url["anyOf"]
    assert {"type": "string", "minLength": 1} in html["anyOf"]


@pytest.mark.parametrize(
    ("document", "kind", "message"),
    [
        ({"template": "<p>\n{{ a b }}"}, "value_error", "line 2, column 6: expected token"),
        ({"template": ""}, "string_too_short", "at least 1"),
        (
            {"template": "x" * (256 * 1024 + 1)},
            "value_error",
            "is 262,145 bytes long; at most 262,144 are allowed",
        ),
        ({"template": "{{ a }}" * 5_001}, "value_error", "its tags have more than 5,000 words and signs"),
        (
            {"template": "x", "data": {"a": "b" * 2_097_145}},
            "value_error",
            "is 2,097,153 bytes long; at most 2,097,152",
        ),
        ({"template": "x", "data": [1]}, "dict_type", "valid dictionary"),
        ({"html": "x", "data": {}}, "rule", "is for `template` and `files`"),
        ({"markdown": "x" * (1024 * 1024 + 1)}, "value_error", "at most 1,048,576 are allowed"),
        (
            {"url": "https://example.com/", "base_url": "https://example.com/"},
            "rule",
            "is for `html`, `template`",
        ),
        ({"html": "x", "base_url": "http://10.0.0.1/"}, ErrorType.URL_BLOCKED.value, Rule.HOST.value),
    ],
)
def test_what_a_template_and_markdown_may_be(document: dict[str, object], kind: str, message: str) -> None:
    found = refusal(document)
    assert found[0] == kind
    assert message in found[1]


def test_the_templates_of_a_batch_are_checked_up_to_a_sum() -> None:
    context = {EGRESS_CONTEXT: LAPTOP}
    for _ in range(4):
        SourceOptions.model_validate({"template": "{{ a }}" * 250}, context=context)
        assert refusal({"template": "{{ a b }}"}, LAPTOP)
    SourceOptions.model_validate({"template": "{{ a b }}"}, context=context)


def test_a_stored_template_is_not_parsed_again() -> None:
    stored = {EGRESS_CONTEXT: LAPTOP, STORED_CONTEXT: True}
    assert SourceOptions.model_validate({"template": "{{ a b }}"}, context=stored).template == "{{ a b }}"
