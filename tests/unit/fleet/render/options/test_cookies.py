"""`cookies` and `storage_state`: how they are read, to which page they belong, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.render.cookies import MAX_COOKIES
from fleet.render.request import RenderRequest

URL = "https://app.example.com/page"


def asked(*cookies: Any, url: str = URL, **options: Any) -> RenderRequest:
    return RenderRequest.model_validate({"url": url, "cookies": list(cookies), **options})


def fields(cookie: Any, url: str = URL) -> dict[str, Any]:
    """What is not as by default."""
    return asked(cookie, url=url).cookies[0].model_dump(exclude_defaults=True, mode="json")


def refusal(*cookies: Any, **options: Any) -> tuple[str | None, str]:
    with pytest.raises(ValidationError) as caught:
        asked(*cookies, **options)
    found = field_errors_of(caught.value.errors(), RenderRequest)[0]
    return found.field, found.message


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a=b", {}),
        ("Set-Cookie: a=b; Path=/x", {"path": "/x"}),
        ("a=b;secure;HttpOnly;SameSite=none", {"secure": True, "httpOnly": True, "sameSite": "None"}),
        ("a=b; Domain=Example.com", {"domain": ".example.com"}),
        ("a=b; domain=.example.com; Priority=High", {"domain": ".example.com"}),
        ("a=b; Expires=Wed, 21 Oct 2099 07:28:00 GMT", {"expires": 4096250880.0}),
        ("a=b; Expires=Wed, 21-Oct-2099 07:28:00 GMT", {"expires": 4096250880.0}),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {"expires": 0.0}),
        ("a=b; Expires=tomorrow; Path=x; SameSite=odd", {}),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", {}),
        ("a=b; Max-Age=0", {"expires": 0.0}),
        ("a=b; Max-Age=-1", {"expires": 0.0}),
        ("a=b; Max-Age=soon", {}),
    ],
)
def test_the_text_of_a_set_cookie_is_read_as_browsers_read_it(text: str, read: dict[str, Any]) -> None:
    assert fields(text) == {"name": "a", "value": "b"} | read


def test_a_value_may_hold_the_marks_of_a_pair() -> None:
    assert fields(' a = "b=c, d" ; Secure')["value"] == '"b=c, d"'


@pytest.mark.parametrize(
    ("cookie", "read"),
    [
        ({"url": URL}, {"domain": "app.example.com", "secure": True}),
        ({"url": "http://APP.example.com/a/b?c"}, {"domain": "app.example.com", "path": "/a"}),
        ({"url": URL, "secure": False}, {"domain": "app.example.com"}),
        ({"domain": "App.Example.com", "expires": -1}, {"domain": "app.example.com"}),
        ({"_crHasCrossSiteAncestor": False}, {}),
    ],
)
def test_fields_mean_what_they_mean_in_playwright(cookie: dict[str, Any], read: dict[str, Any]) -> None:
    given = {"name": "a", "value": "b", **cookie}
    assert fields(given) == {"name": "a", "value": "b"} | read
    request = asked(given)
    assert RenderRequest.model_validate_json(request.model_dump_json(exclude_defaults=True)) == request


OTHER_HOST = "is for another host than that of `url`, so that it would never be sent"
PLAIN = {"name": "a", "value": "b"}


@pytest.mark.parametrize(
    "cookie",
    [
        "a=b; Domain=evil.com",
        "a=b; Domain=ample.com",
        "a=b; Domain=com",
        "a=b; Domain=x.app.example.com",
        {**PLAIN, "domain": "example.com"},
        {**PLAIN, "url": "https://example.com/"},
        {**PLAIN, "partitionKey": "https://elsewhere.com"},
    ],
)
def test_a_cookie_of_another_host_is_refused(cookie: Any) -> None:
    assert refusal(PLAIN, cookie) == ("cookies.1", OTHER_HOST)


def test_an_address_has_no_host_below_it() -> None:
    url = "http://93.184.216.34/"
    assert fields("a=b; Domain=93.184.216.34", url)["domain"] == "93.184.216.34"
    assert refusal("a=b; Domain=184.216.34", url=url) == ("cookies.0", OTHER_HOST)
    assert refusal({**PLAIN, "domain": ".216.34"}, url=url) == ("cookies.0", OTHER_HOST)


@pytest.mark.parametrize(
    ("cookie", "field", "words"),
    [
        ("no pair", "cookies.0", "is no text of a cookie"),
        ("a=" + "b" * 8192, "cookies.0", "is 8,194 characters long"),
        ("a=" + "b" * 4096, "cookies.0.value", "is 4,097 bytes long with its name"),
        ("=b", "cookies.0.name", "at least 1 character"),
        (7, "cookies.0", "must be a JSON object"),
        ({"name": "a"}, "cookies.0.value", "is missing"),
        ({"name": "a;b", "value": ""}, "cookies.0.name", "control character, `;` or `=`"),
        ({"name": "a", "value": "b\r\nc"}, "cookies.0.value", "control character or `;`"),
        ({**PLAIN, "path": "x"}, "cookies.0.path", "a path that begins with /"),
        ({**PLAIN, "domain": "exa mple"}, "cookies.0.domain", "is no host name"),
        ({**PLAIN, "url": URL, "path": "/"}, "cookies.0.url", "either `url`, or `domain` and `path`"),
        ({**PLAIN, "url": "ftp://app.example.com/"}, "cookies.0.url", "no http or https address"),
        ({**PLAIN, "url": 7}, "cookies.0.url", "must be text"),
        ({**PLAIN, "sameSite": "None"}, "cookies.0.sameSite", "needs `secure: true`"),
        ({**PLAIN, "sameSite": "odd"}, "cookies.0.sameSite", "must be Strict, Lax or None"),
        ("__Secure-a=b", "cookies.0.secure", "__Secure- or __Host-"),
        ("__Host-a=b; Secure; Path=/x", "cookies.0.name", "for one host, and for the path /"),
    ],
)
def test_what_browsers_would_not_keep_is_refused_with_words(cookie: Any, field: str, words: str) -> None:
    found = refusal(cookie)
    assert found[0] == field
    assert words in found[1]


def test_a_thousand_cookies_are_too_many() -> None:
    assert refusal(*["a=b"] * 1_000) == ("cookies", f"must have at most {MAX_COOKIES} entries")
    large = [f"c{number}={'v' * 4_000}" for number in range(MAX_COOKIES)]
    assert refusal(*large) == ("cookies", "are 600,940 bytes together; at most 131,072 are allowed")


@pytest.mark.parametrize(
    ("state", "field", "words"),
    [
        ("state.json", "storage_state", "must be a JSON object"),
        ({"origins": [{"origin": "app.example.com"}]}, "storage_state.origins.0.origin", "valid URL"),
        ({"origins": [{"origin": "ws://a.com"}]}, "storage_state.origins.0.origin", "http or https address"),
        (
            {"origins": [{"origin": URL, "localStorage": [{"name": "n", "value": "v" * 1024 * 1024}]}]},
            "storage_state.origins",
            "have 1,048,577 characters; at most 1,048,576",
        ),
        ({"cookies": ["a=b"] * 501}, "storage_state.cookies", "at most 500 entries"),
    ],
)
def test_a_state_that_is_none_is_refused_with_words(state: Any, field: str, words: str) -> None:
    found = refusal(storage_state=state)
    assert found[0] == field
    assert words in found[1]


def test_a_state_of_other_sites_too_is_taken() -> None:
    state = {
        "cookies": [{**PLAIN, "domain": ".other.com", "path": "/", "expires": -1}],
        "origins": [{"origin": "https://App.example.com:443/", "localStorage": []}],
    }
    request = asked(storage_state=state)
    assert request.storage_state is not None
    assert request.storage_state.origins[0].origin == "https://app.example.com"
