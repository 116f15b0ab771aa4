"""The proxy's parser of requests: what it takes, what it refuses, and what no input makes it do."""

import contextlib
import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.egress.policy import AddressPolicy, BlockedAddressError, MalformedAddressError
from worker.egress.inbound.request_head import (
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MalformedRequestError,
    Request,
    parse_head,
)

EXAMPLES = 200


def head(first: str, *fields: str, host: str = "Host: example.com") -> bytes:
    return "\r\n".join((first, *([host] if host else []), *fields, "", "")).encode("latin-1")


def test_connect_as_chromium_writes_it() -> None:
    request = parse_head(
        head(
            "CONNECT example.com:443 HTTP/1.1",
            "Proxy-Connection: keep-alive",
            "User-Agent: Mozilla/5.0",
            host="Host: example.com:443",
        )
    )
    assert (request.host, request.port, request.is_tunnel) == ("example.com", 443, True)
    assert request.address == "http://example.com:443/"


@pytest.mark.parametrize(
    ("target", "host", "port", "path"),
    [
        ("http://example.com/", "example.com", 80, b"/"),
        ("http://example.com", "example.com", 80, b"/"),
        ("http://example.com:8080/a%20b?c=d&e='\"\\|", "example.com", 8080, b"/a%20b?c=d&e='\"\\|"),
        ("http://[2606:2800:220:1::1]:80/", "[2606:2800:220:1::1]", 80, b"/"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, b"/"),
        ("http://a_b.example.com/", "a_b.example.com", 80, b"/"),
    ],
)
def test_absolute_form_as_chromium_writes_it(target: str, host: str, port: int, path: bytes) -> None:
    request = parse_head(head(f"GET {target} HTTP/1.1"))
    assert (request.host, request.port, request.target, request.is_tunnel) == (host, port, path, False)


@pytest.mark.parametrize(
    "first",
    [
        "GET / HTTP/1.1",
        "GET * HTTP/1.1",
        "GET example.com HTTP/1.1",
        "GET //example.com/ HTTP/1.1",
        "GET https://example.com/ HTTP/1.1",
        "GET ftp://example.com/ HTTP/1.1",
        "GET HTTP://example.com/ HTTP/1.1",
        "GET http:example.com/ HTTP/1.1",
        "GET http://example.com?a HTTP/1.1",
        "GET http://example.com/#a HTTP/1.1",
        "GET http://user@example.com/ HTTP/1.1",
        "GET http://user:password@example.com/ HTTP/1.1",
        "GET http://127.0.0.1\\@example.com/ HTTP/1.1",
        "GET http://example.com\\/ HTTP/1.1",
        "GET http://example.com:/ HTTP/1.1",
        "GET http://example.com:0/ HTTP/1.1",
        "GET http://example.com:65536/ HTTP/1.1",
        "GET http://example.com:+80/ HTTP/1.1",
        "GET http://[fe80::1%25eth0]/ HTTP/1.1",
        "GET http://[fe80::1%eth0]/ HTTP/1.1",
        "GET http://[v1.x]/ HTTP/1.1",
        "GET http://ex%61mple.com/ HTTP/1.1",
        "GET http://b\u00fccher.example/ HTTP/1.1",
        "GET http://example.com/\u00fc HTTP/1.1",
        "GET http://example.com/ HTTP/1.0",
        "GET http://example.com/ HTTP/2",
        "GET http://example.com/ http/1.1",
        "GET  http://example.com/ HTTP/1.1",
        "GET http://example.com/ HTTP/1.1 ",
        " GET http://example.com/ HTTP/1.1",
        "GET\thttp://example.com/ HTTP/1.1",
        "GET http://example.com/a b HTTP/1.1",
        "G\u00cbT http://example.com/ HTTP/1.1",
        "GET http://example.com/",
        "CONNECT example.com HTTP/1.1",
        "CONNECT example.com:https HTTP/1.1",
        "CONNECT example.com:443/ HTTP/1.1",
        "CONNECT http://example.com:443 HTTP/1.1",
        "CONNECT user@example.com:443 HTTP/1.1",
        "CONNECT ::1:443 HTTP/1.1",
        "CONNECT [fe80::1%25eth0]:443 HTTP/1.1",
        "CONNECT example.com:70000 HTTP/1.1",
        "connect example.com:443 HTTP/1.1",
        "",
    ],
)
def test_request_lines_that_are_refused(first: str) -> None:
    with pytest.raises(MalformedRequestError):
        parse_head(head(first))


@pytest.mark.parametrize(
    "fields",
    [
        ("A : b",),
        (" A: b",),
        ("A: b", " folded"),
        ("A: b", "\tfolded"),
        ("A",),
        (": b",),
        ("A: \x00",),
        ("A: b\x7f",),
        ("A: b\x01c",),
        ("\u00c4: b",),
        ("Host: example.com",),
        ("hOST: other",),
        ("Content-Length: 1", "Content-Length: 1"),
        ("Content-Length: 1", "Content-length: 2"),
        ("Content-Length: 1, 1",),
        ("Content-Length: +1",),
        ("Content-Length: -1",),
        ("Content-Length: 0x1",),
        ("Content-Length: 1 1",),
        ("Content-Length:",),
        ("Content-Length: " + "9" * 16,),
        ("Transfer-Encoding: chunked",),
        ("Transfer-Encoding: identity",),
        ("Content-Length: 1", "Transfer-Encoding: chunked"),
        ("transfer-encoding : chunked",),
        ("Proxy-Authorization: a", "Proxy-Authorization: b"),
        tuple(f"A{number}: b" for number in range(MAX_FIELDS)),
    ],
)
def test_fields_that_are_refused(fields: tuple[str, ...]) -> None:
    with pytest.raises(MalformedRequestError):
        parse_head(head("POST http://example.com/ HTTP/1.1", *fields))


@pytest.mark.parametrize("first", ["GET http://example.com/ HTTP/1.1", "CONNECT example.com:443 HTTP/1.1"])
def test_a_request_without_host_is_refused(first: str) -> None:
    with pytest.raises(MalformedRequestError):
        parse_head(head(first, host=""))


@pytest.mark.parametrize(
    "raw",
    [
        b"GET http://example.com/ HTTP/1.1\nHost: example.com\n\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\nA: b\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\rA: b\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n",
        b"\r\nGET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nHost: a\r\n\r\nGET http://example.com/ HTTP/1.1\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\n\rHost: example.com\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_lines_that_end_otherwise_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        parse_head(raw)


def test_a_long_value_that_is_malformed_takes_no_more_time_than_one_that_is_not() -> None:
    values = {mark: "a" * (MAX_HEAD_BYTES - 200) + mark for mark in ("", "\x01")}
    took_s: dict[str, float] = {}
    for mark, value in values.items():
        started = time.process_time()
        with contextlib.suppress(MalformedRequestError):
            parse_head(head("GET http://example.com/ HTTP/1.1", f"A: {value}"))
        took_s[mark] = time.process_time() - started
    # 20 s where the time grows with the square: a page writes values with such characters (fetch).
    assert took_s["\x01"] < took_s[""] + 0.5


def test_a_connect_with_a_body_is_refused() -> None:
    with pytest.raises(MalformedRequestError):
        parse_head(head("CONNECT example.com:443 HTTP/1.1", "Content-Length: 5"))


def test_what_a_connection_names_cannot_take_the_frame_away() -> None:
    request = parse_head(
        head(
            "POST http://example.com/ HTTP/1.1", "Connection: Content-Length, X", "X: 1", "Content-Length: 3"
        )
    )
    assert request.head_for_target() == (
        b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
    )


TOKENS = st.text(string.ascii_letters + string.digits + "-_!#", min_size=1, max_size=12)
VALUES = st.text(st.characters(codec="latin-1"), max_size=30)
HOSTS = st.one_of(
    st.sampled_from(
        (
            "example.com",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "017700000001",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:10.0.0.1]",
            "0",
            "localhost",
            "LOCALHOST.",
            "10.0.0.1.",
            "1.1.1.1",
            "[64:ff9b::7f00:1]",
            "999.1.1.1",
            "1.2.3.4.5",
            "a..b",
            "-",
            "_",
            "xn--",
            ".",
        )
    ),
    st.from_regex(r"\A(0x)?[0-9a-f]{1,9}(\.(0x)?[0-9a-f]{1,4}){0,4}\.?\Z"),
    st.from_regex(r"\A\[[0-9a-f:.]{2,30}\]\Z"),
    st.text(string.ascii_letters + string.digits + "._-%@\\/:[]", min_size=1, max_size=20),
)
LINES = st.lists(
    st.one_of(
        st.builds("{}: {}".format, TOKENS, VALUES),
        st.sampled_from(("Host: a", "Content-Length: 1", "Transfer-Encoding: gzip", "Connection: a", " x")),
        VALUES,
    ),
    max_size=6,
)


@given(st.binary(max_size=300))
@settings(max_examples=EXAMPLES)
def test_whatever_comes_is_a_request_or_refused(raw: bytes) -> None:
    for data in (
        raw,
        raw + b"\r\n\r\n",
        b"GET http://a.example/ HTTP/1.1\r\nHost: a\r\n" + raw + b"\r\n\r\n",
    ):
        try:
            request = parse_head(data)
        except MalformedRequestError:
            continue
        check(request, data)


@given(TOKENS, HOSTS, st.integers(-1, 70_000), VALUES, LINES)
@settings(max_examples=EXAMPLES)
def test_what_is_near_a_request_is_one_or_refused(
    method: str, host: str, port: int, path: str, lines: list[str]
) -> None:
    for first in (f"{method} http://{host}:{port}/{path} HTTP/1.1", f"CONNECT {host}:{port} HTTP/1.1"):
        raw = head(first, *lines)
        try:
            request = parse_head(raw)
        except MalformedRequestError:
            continue
        check(request, raw)


def check(request: Request, raw: bytes) -> None:
    """What the target gets is one request, to the host that was judged, and nothing of it is new."""
    sent = request.head_for_target() if not request.is_tunnel else b""
    if sent:
        again = re.split(rb"\r\n", sent)
        assert again[-2:] == [b"", b""]
        assert b"" not in again[:-2]
        assert sent.count(b"\n") == sent.count(b"\r") == sent.count(b"\r\n")
        assert again[1] == b"Host: " + request.authority
        names = [line.partition(b":")[0].lower() for line in again[1:-2]]
        assert names.count(b"host") == names.count(b"connection") == 1
        assert b"transfer-encoding" not in names
        assert not any(name.startswith(b"proxy-") for name in names)
        assert all(line in raw for line in request.fields)
        # Another proxy, or this one, reads the same of it.
        absolute = parse_head(request.head_for_proxy(b""))
        assert (absolute.host, absolute.port, absolute.target) == (request.host, request.port, request.target)
    try:
        target = AddressPolicy().inspect(request.address)
    except (BlockedAddressError, MalformedAddressError):
        return
    # The policy reads the address as that host and that port and as nothing else; a name stays a name.
    assert target.port == request.port
    assert target.url.split("/")[3:] == [""]
    if target.address is None:
        assert target.host == request.host.lower()
