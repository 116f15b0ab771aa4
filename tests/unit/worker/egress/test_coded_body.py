"""Compressed bodies: where they end, and what is in doubt."""

import gzip
import random
import zlib
from collections.abc import Iterable

import brotli
import pytest

from tests.site.bad_pages import in_zstandard
from worker.egress.inbound.body_watch import Bodies, BodyWatch
from worker.egress.inbound.coded_body import CODINGS, MAX_INFLATED_BYTES, UnreadableBodyError

CONTENT = random.Random(1).randbytes(200).hex().encode()  # noqa: S311 - the same each time
GZIP_NAMED = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x02\x00ab" + b"name\0" + b"words\0" + b"\1\2"
BARE = zlib.compress(CONTENT)[2:-4]
# The body, and how many of its last bytes hold no data and may be missing.
BODIES = [
    ("gzip", gzip.compress(CONTENT), 8),
    ("gzip", GZIP_NAMED + BARE, 0),
    ("deflate", zlib.compress(CONTENT), 4),
    ("deflate", BARE, 0),
    ("br", brotli.compress(CONTENT), 0),
    ("zstd", in_zstandard(CONTENT), 0),
]


def has_ended(coding: str, pieces: Iterable[bytes]) -> bool:
    body = CODINGS[coding.encode()]()
    for piece in pieces:
        body.feed(piece)
    return body.has_ended


@pytest.mark.parametrize(("coding", "body", "idle"), BODIES)
def test_a_body_is_whole_when_all_its_data_is_there(coding: str, body: bytes, idle: int) -> None:
    needed = len(body) - idle
    assert [size for size in range(len(body)) if has_ended(coding, [body[:size]])] == list(
        range(needed, len(body))
    )
    assert has_ended(coding, [bytes([byte]) for byte in body])
    assert has_ended(coding, [body, b"something more"])


@pytest.mark.parametrize(("coding", "bits"), [("gzip", 31), ("deflate", -15)])
def test_a_body_that_was_flushed_is_whole(coding: str, bits: int) -> None:
    """Some servers never write the end."""
    packer = zlib.compressobj(wbits=bits)
    body = packer.compress(CONTENT) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert has_ended(coding, [body])
    assert not has_ended(coding, [body, (packer.compress(CONTENT) + packer.flush())[:4]])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_what_is_in_another_format_is_unreadable(coding: str) -> None:
    with pytest.raises(UnreadableBodyError):
        has_ended(coding, [b"<!doctype html><title>text</title>" * 10])


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_bomb_and_an_endless_head_are_followed_no_further(coding: str) -> None:
    content = bytes(2 * MAX_INFLATED_BYTES)
    bomb = gzip.compress(content, 1) if coding == "gzip" else brotli.compress(content, quality=1)
    with pytest.raises(UnreadableBodyError):
        has_ended(coding, [bomb])
    with pytest.raises(UnreadableBodyError):
        has_ended("gzip", [b"\x1f\x8b\x08\x08" + bytes(6), *[b"x" * 1000] * 100])


def test_bodies_of_a_page_are_followed_up_to_a_limit() -> None:
    bodies = Bodies()
    bodies.may_follow(4 * MAX_INFLATED_BYTES - len(CONTENT))
    cut = gzip.compress(CONTENT)[:-20]
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n" % len(cut) + cut
    assert BodyWatch(bodies).feed(answer)
    assert not BodyWatch(bodies).feed(answer)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: klingon\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n",
        b"no answer at all",
    ],
)
def test_what_cannot_be_judged_is_taken_for_whole(head: bytes) -> None:
    watch = BodyWatch(Bodies())
    assert not watch.feed(head + b"\r\n" + gzip.compress(CONTENT)[:50])
    assert not watch.ends()


def test_an_interim_answer_is_passed_over() -> None:
    watch = BodyWatch(Bodies())
    hint = b"HTTP/1.1 103 Early Hints\r\nContent-Encoding: br\r\n\r\n"
    assert not watch.feed(
        hint + b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(CONTENT)[:50]
    )
    assert watch.ends()


def test_an_empty_body_is_whole() -> None:
    watch = BodyWatch(Bodies())
    assert not watch.feed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")
    assert not watch.ends()
