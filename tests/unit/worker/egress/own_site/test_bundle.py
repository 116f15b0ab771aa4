"""What the files of a job answer to requests, and to whom."""

from http import HTTPStatus
from pathlib import Path

import pytest

from worker.egress.own_site.bundle import Bundle, BundleFile
from worker.egress.own_site.content_types import content_type
from worker.egress.own_site.site import FilePart, OwnAnswer

PATH = Path("/scratch/0")
OWN = b"Sec-Fetch-Site: same-origin"


def asked(target: str, *fields: bytes, method: bytes = b"GET", size: int = 100) -> OwnAnswer:
    names = ("index.html", "a.png", "sub/index.html", "über uns.png", "a&b#?.js")
    bundle = Bundle({name: BundleFile(PATH, size, content_type(name, is_utf8=True)) for name in names})
    return bundle.answer(method, target.encode(), fields or (OWN,))


def status(answer: OwnAnswer) -> int:
    return int(answer.head.split(b" ")[1])


def header(answer: OwnAnswer, name: str) -> str | None:
    lines = answer.head.decode().split("\r\n")[1:]
    found = [line.partition(": ")[2] for line in lines if line.partition(": ")[0] == name]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("target", "type_"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/index.html?x=/../..", "text/html; charset=utf-8"),
        ("/sub/", "text/html; charset=utf-8"),
        ("/a.png?v=2", "image/png"),
        ("/%C3%BCber%20uns.png", "image/png"),
        ("/a&b%23%3F.js", "text/javascript; charset=utf-8"),
    ],
)
def test_a_path_is_the_name_of_a_file(target: str, type_: str) -> None:
    answer = asked(target)
    assert (status(answer), header(answer, "Content-Type")) == (200, type_)
    assert answer.file == FilePart(PATH, 0, 100)


@pytest.mark.parametrize(
    "target", ["/A.png", "/a.pn", "//a.png", "/../a.png", "/..%2Fa.png", "/sub", "/%ff", "/scratch/0", "/%00"]
)
def test_all_other_paths_are_not_found(target: str) -> None:
    assert status(asked(target)) == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "fields", [(b"Sec-Fetch-Site: cross-site",), (b"sec-fetch-site:same-site",), (b"A: b",)]
)
def test_only_the_page_itself_gets_them(fields: tuple[bytes, ...]) -> None:
    answer = asked("/a.png", *fields)
    assert (status(answer), answer.file) == (HTTPStatus.FORBIDDEN, None)
    assert status(asked("/a.png", b"Sec-Fetch-Site: none")) == HTTPStatus.OK


@pytest.mark.parametrize(
    ("wanted", "offset", "size", "said"),
    [
        ("bytes=0-", 0, 100, "bytes 0-99/100"),
        ("bytes=10-19", 10, 10, "bytes 10-19/100"),
        ("bytes=99-200", 99, 1, "bytes 99-99/100"),
        ("bytes=-5", 95, 5, "bytes 95-99/100"),
        ("bytes=-500", 0, 100, "bytes 0-99/100"),
    ],
)
def test_a_range_is_a_part(wanted: str, offset: int, size: int, said: str) -> None:
    answer = asked("/a.png", OWN, b"Range: " + wanted.encode())
    assert (status(answer), header(answer, "Content-Range")) == (206, said)
    assert header(answer, "Content-Length") == str(size)
    assert answer.file == FilePart(PATH, offset, size)


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=20-10", "bytes=0-1,5-6", "lines=0-1", "bytes=x-"])
def test_what_is_no_range_gets_the_whole(wanted: str) -> None:
    answer = asked("/a.png", OWN, b"Range: " + wanted.encode())
    assert (status(answer), answer.file) == (200, FilePart(PATH, 0, 100))


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(wanted: str) -> None:
    answer = asked("/a.png", OWN, b"Range: " + wanted.encode())
    assert (status(answer), header(answer, "Content-Range")) == (416, "bytes */100")


def test_a_head_has_no_body_and_nothing_is_written() -> None:
    answer = asked("/a.png", method=b"HEAD")
    assert (status(answer), header(answer, "Content-Length"), answer.body, answer.file) == (
        200,
        "100",
        b"",
        None,
    )
    answer = asked("/a.png", method=b"POST")
    assert (status(answer), header(answer, "Allow")) == (405, "GET, HEAD")


def test_what_is_missing_is_remembered_once() -> None:
    bundle = Bundle({})
    for target in (b"/b.css?1", b"/a.png", b"/b.css", b"/favicon.ico"):
        bundle.answer(b"GET", target, (OWN,))
    assert list(bundle.missing) == ["b.css", "a.png"]


@pytest.mark.parametrize(
    ("name", "is_utf8", "type_"),
    [
        ("page.HTML", False, "text/html"),
        ("a/b.min.css", True, "text/css; charset=utf-8"),
        ("app.mjs", True, "text/javascript; charset=utf-8"),
        ("body.woff2", False, "font/woff2"),
        ("film.mp4", False, "video/mp4"),
        ("README", False, "application/octet-stream"),
        ("folder.png/README", False, "application/octet-stream"),
    ],
)
def test_a_type_follows_from_the_name(name: str, is_utf8: bool, type_: str) -> None:  # noqa: FBT001 - a parameter
    assert content_type(name, is_utf8=is_utf8) == type_
