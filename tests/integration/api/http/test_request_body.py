"""Request bodies that are too large, of the wrong kind, malformed, slow, or wrong in their fields."""

import asyncio
import http.client
import json
import struct
from collections.abc import AsyncIterator

import pytest

from fleet.errors import ErrorType
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, problem
from tests.kit.patience import PATIENCE_S

JSON = {"Content-Type": "application/json"}


async def test_a_declared_length_over_the_limit_is_refused(serve: Serve) -> None:
    async with serve(API_MAX_BODY_BYTES=2000) as api:
        answer = await api.client.post("/v1/jobs", content=b" " * 12_001, headers=JSON)
        assert "2,000" in problem(answer, 413, ErrorType.BODY_TOO_LARGE)["detail"]
        assert answer.headers["connection"] == "close"
        assert (await api.client.post("/v1/jobs", json=REQUEST)).status_code == 202


async def test_a_body_of_unknown_length_is_counted(serve: Serve) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 500:
            sent += 1
            yield b" " * 1000

    async with serve(API_MAX_BODY_BYTES=2000) as api:
        answer = await api.client.post("/v1/jobs", content=endless(), headers=JSON)
        problem(answer, 413, ErrorType.BODY_TOO_LARGE)


@pytest.mark.parametrize("letter", ["<", "\x01", "é", "漢", "😀"])
async def test_two_mebibytes_of_html_can_be_sent_however_they_are_escaped(api: Api, letter: str) -> None:
    """Go escapes `<`, Python all that is not ASCII: up to six bytes for one."""
    escaped = "".join(
        f"\\u{unit:04x}"
        for unit in struct.unpack(f">{len(letter.encode('utf-16-be')) // 2}H", letter.encode("utf-16-be"))
    )
    fits = 2 * 1024 * 1024 // len(letter.encode())
    for count, status in ((fits, 202), (fits + 1, 422)):
        body = f'{{"html":"{escaped * count}"}}'
        answer = await api.client.post("/v1/jobs", content=body, headers=JSON)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("megabytes", "status", "type_", "words"),
    [
        (3, 422, ErrorType.INVALID_REQUEST, "at most 2,097,152 are allowed"),
        (5, 413, ErrorType.BODY_TOO_LARGE, "4,194,304"),
    ],
)
async def test_too_many_data_of_a_template_are_refused(
    api: Api, megabytes: int, status: int, type_: ErrorType, words: str
) -> None:
    data = {"text": "x" * (megabytes * 1_000_000)}
    answer = await api.client.post("/v1/jobs", json={"template": "{{ text }}", "data": data})
    said = problem(answer, status, type_)
    assert words in (said["errors"][0]["message"] if status == 422 else said["detail"])


async def test_what_is_sent_has_a_limit_besides_what_is_meant(serve: Serve) -> None:
    async with serve(API_MAX_BODY_BYTES=2000) as api:
        for escapes, spaces, status in ((1_900, 0, 202), (1_900, 200, 413), (2_100, 0, 413), (0, 2_001, 413)):
            content = b'{"html":"%s"}%s' % (b"\\u003c" * escapes or b"x", b" " * spaces)
            answer = await api.client.post("/v1/jobs", content=content, headers=JSON)
            assert answer.status_code == status, (escapes, spaces, answer.text)
        assert "as it is sent" in problem(answer, 413, ErrorType.BODY_TOO_LARGE)["detail"]


async def test_a_caller_that_writes_all_before_it_reads_gets_the_answer(api: Api, tenant_key: str) -> None:
    def post() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=PATIENCE_S)
        headers = {**JSON, "Authorization": f"Bearer {tenant_key}"}
        connection.request("POST", "/v1/jobs", body=b" " * 16 * 1024 * 1024, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    assert await asyncio.to_thread(post) == 413


async def test_other_media_types_and_encodings_are_refused(api: Api) -> None:
    for headers in (
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {**JSON, "Content-Encoding": "gzip"},
        {**JSON, "Content-Encoding": "identity, br"},
    ):
        answer = await api.client.post("/v1/jobs", content=json.dumps(REQUEST), headers=headers)
        problem(answer, 415, ErrorType.UNSUPPORTED_MEDIA_TYPE)
        assert {"accept-post", "accept-encoding"} & set(answer.headers)


async def test_json_may_name_its_charset(api: Api) -> None:
    headers = {"Content-Type": 'application/json; charset="UTF-8"', "Content-Encoding": "identity"}
    answer = await api.client.post("/v1/jobs", content=json.dumps(REQUEST), headers=headers)
    assert answer.status_code == 202


async def test_malformed_json_names_line_and_column(api: Api) -> None:
    for body in (
        b"",
        b"{",
        b'{"html": "x",}',
        b'{"html": "\xff"}',
        b'{"html": "\\ud800"}',
        b'{"html": ' + b"[" * 100_000,
    ):
        answer = await api.client.post("/v1/jobs", content=body, headers=JSON)
        document = problem(answer, 422, ErrorType.INVALID_REQUEST)
        assert "at line 1 column" in document["detail"], body[:20]


async def test_each_wrong_field_is_named_with_what_is_allowed(api: Api) -> None:
    viewport = {"width": 8_192, "height": 8_192}
    cases: tuple[tuple[object, str | None, str], ...] = (
        ({}, "url", "exactly one of `url`, `html`, `template`, `markdown` and `files`"),
        (
            {"url": "https://example.com/", "html": "x"},
            "url",
            "exactly one of `url`, `html`, `template`, `markdown` and `files`",
        ),
        (
            {"template": "<p>\n{{ a b }}"},
            "template",
            "line 2, column 6: expected token 'end of print statement'",
        ),
        ({"markdown": "x", "locale": "xx-DE"}, "locale", "has `xx`, which is no language that CLDR knows"),
        ({"html": "x", "viewport": {"width": 99_999, "height": 1}}, "viewport.width", "8192"),
        ({"html": "x", "viewport": viewport}, "viewport", "67,108,864 pixels"),
        ({"html": "x", "viewport": {**viewport, "widht": 1}}, "viewport.widht", "did you mean `width`?"),
        ({"html": "x", "format": "gif"}, "format", "must be png, jpeg, webp, avif, pdf"),
        ({"html": "x", "fromat": "png"}, "fromat", "did you mean `format`?"),
        ({"html": "x", "quality": 50}, "quality", "is for jpeg, webp and avif"),
        ({"html": "x", "max_attempts": "many"}, "max_attempts", "must be a whole number"),
        ([], None, "the body must be a JSON object"),
    )
    for body, field, words in cases:
        answer = await api.client.post("/v1/jobs", json=body)
        document = problem(answer, 422, ErrorType.INVALID_REQUEST)
        found = [error for error in document["errors"] if error["field"] == field]
        assert words in json.dumps(found), document


async def test_a_blocked_address_has_a_type_of_its_own(api: Api) -> None:
    for url in ("http://127.0.0.1/", "http://[::1]/", "file:///etc/passwd", "http://10.0.0.1/"):
        answer = await api.client.post("/v1/jobs", json={"url": url})
        assert problem(answer, 422, ErrorType.URL_BLOCKED)["errors"][0]["field"] == "url"


async def test_egress_allow_opens_an_address(serve: Serve) -> None:
    async with serve(EGRESS_ALLOW="127.0.0.1:8099") as api:
        allowed = await api.client.post("/v1/jobs", json={"url": "http://127.0.0.1:8099/"})
        assert allowed.status_code == 202
        refused = await api.client.post("/v1/jobs", json={"url": "http://127.0.0.1:8098/"})
        problem(refused, 422, ErrorType.URL_BLOCKED)


async def test_a_refusal_does_not_repeat_what_was_sent(api: Api) -> None:
    secret = "s3cret" * 1000
    for body in ({"html": "x", "format": secret}, {"url": f"ftp://{secret}/"}, {"html": "x", secret: 1}):
        answer = await api.client.post("/v1/jobs", json=body)
        assert answer.status_code == 422
        assert len(answer.content) < 2000
        assert secret not in answer.text


async def test_a_flood_of_wrong_fields_is_counted_not_listed(api: Api) -> None:
    body = {"html": "x"} | {f"field{number}": number for number in range(5000)}
    document = problem(await api.client.post("/v1/jobs", json=body), 422, ErrorType.INVALID_REQUEST)
    assert document["detail"] == "5,000 fields are not valid"


async def test_a_body_that_does_not_arrive_is_given_up(serve: Serve, tenant_key: str) -> None:
    async with serve(API_BODY_TIMEOUT_S=0.2) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tenant_key}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        answer = await asyncio.wait_for(reader.read(), timeout=PATIENCE_S)
        assert answer.startswith(b"HTTP/1.1 422 ")
        assert b"did not arrive" in answer
        writer.close()
        await writer.wait_closed()


async def test_a_caller_that_hangs_up_in_the_middle_leaves_no_job(api: Api, tenant_key: str) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tenant_key}\r\n"
    writer.write(head.encode() + b'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"html":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await api.client.get("/v1/jobs")).json()["jobs"] == []
