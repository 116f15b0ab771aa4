"""`headers` and `basic_auth`: what may be given, how it is normalised, and how the rest is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.render.request import RenderRequest
from fleet.render.request_headers import MAX_HEADERS, MAX_VALUE_BYTES

URL = "https://app.example.com/"


def asked(**options: Any) -> RenderRequest:
    return RenderRequest.model_validate({"url": URL, **options})


def refusal(**options: Any) -> tuple[str | None, str]:
    with pytest.raises(ValidationError) as caught:
        asked(**options)
    (found,) = field_errors_of(caught.value.errors(), RenderRequest)
    return found.field, found.message


def test_names_are_alike_in_upper_and_lower_case_and_in_any_order() -> None:
    one = asked(headers={"X-B": " two ", "x-a": "one"})
    assert one.headers == {"x-a": "one", "x-b": "two"}
    assert one.canonical() == asked(headers={"X-A": "one", "X-B": "two"}).canonical()
    assert RenderRequest.model_validate_json(one.model_dump_json(exclude_defaults=True)) == one


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "Connection", "Transfer-Encoding", "Proxy-Authorization", "Sec-Fetch-Site",
        "Upgrade", "Keep-Alive", "TE", "Trailer", "Origin", "Accept-Encoding", "Via", "Date", "Expect",
    ],
)  # fmt: skip
def test_what_the_browser_writes_itself_is_refused_by_name(name: str) -> None:
    assert refusal(headers={name: "x"}) == (f"headers.{name}", "is written by the browser itself")


@pytest.mark.parametrize(
    ("headers", "field", "words"),
    [
        ({"Cookie": "a=b"}, "headers.Cookie", "give them there"),
        ({"Range": "bytes=0-1"}, "headers.Range", "a part of the page"),
        (
            {"X-HTTP-Method-Override": "GET, trace"},
            "headers.X-HTTP-Method-Override",
            "CONNECT, TRACE or TRACK",
        ),
        ({"X-A": "1", "x-a": "2"}, "headers.x-a", "given twice"),
        ({"X-A": "one\r\nX-B: two"}, "headers.x-a", "printable ASCII characters in one line"),
        ({"X-A": "one\x00"}, "headers.x-a", "printable ASCII characters in one line"),
        ({"X-A": "grün"}, "headers.x-a", "printable ASCII characters in one line"),
        ({"X-A": "v" * (MAX_VALUE_BYTES + 1)}, "headers.x-a", "is 8,193 bytes long; at most 8,192"),
        ({"X-A": 1}, "headers.X-A", "must be text"),
        ({"a secret: in the name": ""}, "headers", "a name that no header can have"),
        ({"": "x"}, "headers", "a name that no header can have"),
        ({f"x-{n}": "" for n in range(MAX_HEADERS + 1)}, "headers", "must have at most 50 entries"),
        ({f"x-{n}": "v" * MAX_VALUE_BYTES for n in range(5)}, "headers", "at most 32,768 are allowed"),
        ([], "headers", "must be a JSON object"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_words(headers: Any, field: str, words: str) -> None:
    found = refusal(headers=headers)
    assert found[0] == field
    assert words in found[1]
    assert "secret" not in found[1]


@pytest.mark.parametrize(
    ("credentials", "field", "words"),
    [
        ({"username": "a:b", "password": "p"}, "basic_auth.username", "holds a colon"),
        ({"username": ""}, "basic_auth.username", "at least 1 character"),
        ({"username": "u\n"}, "basic_auth.username", "without control characters"),
        ({"username": "u", "password": "p\r\nX: y"}, "basic_auth.password", "without control characters"),
        ({"username": "u", "password": "ü" * 2049}, "basic_auth.password", "is 4,098 bytes long"),
    ],
)
def test_credentials_are_such_as_can_be_sent(credentials: Any, field: str, words: str) -> None:
    found = refusal(basic_auth=credentials)
    assert found[0] == field
    assert words in found[1]


def test_credentials_become_a_header() -> None:
    auth = asked(basic_auth={"username": "Aladdin", "password": "open sesame"}).basic_auth
    assert auth is not None
    assert auth.header == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, 2
    key = asked(basic_auth={"username": "key"}).basic_auth
    assert key is not None
    assert key.header == "Basic a2V5Og=="


def test_there_is_one_authorization() -> None:
    found = refusal(headers={"Authorization": "Bearer x"}, basic_auth={"username": "u"})
    assert found == ("basic_auth", "is sent as `Authorization`, which `headers` has too; give one")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("headers", {"x-a": "b"}),
        ("basic_auth", {"username": "u"}),
        ("cookies", ["a=b"]),
        ("storage_state", {"cookies": []}),
    ],
)
def test_a_page_from_html_has_nobody_to_tell(name: str, value: Any) -> None:
    found = refusal(url=None, html="<p>", **{name: value})
    assert found == (name, "goes to the origin of `url` alone, and this request has no `url`")


def test_what_is_secret_does_not_show_where_a_request_is_printed() -> None:
    storage = {"origins": [{"origin": URL, "localStorage": [{"name": "k", "value": "hidden"}]}]}
    request = asked(
        headers={"x-a": "hidden"},
        basic_auth={"username": "hidden", "password": "hidden"},
        cookies=["a=hidden"],
        storage_state=storage,
    )
    assert "hidden" not in repr(request)
    assert "hidden" in request.model_dump_json()
