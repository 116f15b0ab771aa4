"""What clients ask of Postgres, Redis and S3, read from the bytes that a forwarder has passed on."""

import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID

# https://www.postgresql.org/docs/current/protocol-message-formats.html. The first messages have no type: a
# client asks for TLS (which the embedded server has not), then it says who it is.
_TLS_REQUEST: Final = (80877103).to_bytes(4, "big")
_HEAD: Final = re.compile(rb"(?:GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")


def of_postgres(sent: bytes, job_id: UUID) -> list[str]:
    """The statements of a connection that have this job among their arguments, each by its first words.

    A BEGIN and a COMMIT around such a statement count, too.
    """
    texts: dict[bytes, str] = {}
    found: list[str] = []
    transaction: list[str] | None = None
    name = b""
    for kind, body in _messages(sent):
        if kind == b"P":
            named, text, _ = body.split(b"\0", 2)
            texts[named] = _first_words(text)
        elif kind == b"B":
            name = body.split(b"\0", 2)[1]
            if _names(body, job_id):
                (found if transaction is None else transaction).append(texts[name])
        elif kind == b"Q":
            words = _first_words(body)
            if words.startswith("BEGIN"):
                transaction = []
            elif transaction is not None and words.startswith(("COMMIT", "ROLLBACK")):
                if transaction:
                    found += ["BEGIN", *transaction, words]
                transaction = None
    return found


def of_redis(sent: bytes, job_id: UUID) -> list[str]:
    """The commands of a connection that have this job among their arguments, each by its name."""
    return [
        words[0].decode().upper()
        for words in _redis_commands(sent)
        if any(_names(word, job_id) for word in words[1:])
    ]


def of_s3(sent: bytes, job_id: UUID) -> list[str]:
    """The requests of a connection for what belongs to this job."""
    heads = [found for found in _HEAD.finditer(sent) if str(job_id).encode() in found[1]]
    return [found[0].split()[0].decode() for found in heads]


def _names(data: bytes, job_id: UUID) -> bool:
    return job_id.bytes in data or str(job_id).encode() in data


def _first_words(text: bytes) -> str:
    return " ".join(text.rstrip(b"\0").decode().split())[:60]


def _messages(sent: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8 if sent[4:8] == _TLS_REQUEST else 0
    place += int.from_bytes(sent[place : place + 4], "big")
    while place + 5 <= len(sent):
        length = int.from_bytes(sent[place + 1 : place + 5], "big")
        yield sent[place : place + 1], sent[place + 5 : place + 1 + length]
        place += 1 + length


def _redis_commands(sent: bytes) -> Iterator[list[bytes]]:
    place = 0
    while place < len(sent):
        end = sent.index(b"\r\n", place)
        count, place = int(sent[place + 1 : end]), end + 2
        words = []
        for _ in range(count):
            end = sent.index(b"\r\n", place)
            length = int(sent[place + 1 : end])
            words.append(sent[end + 2 : end + 2 + length])
            place = end + 4 + length
        yield words
