"""A confined program that does what a test asks for."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from fleet.confined.refusal import Refusal


def work(data: bytes, task: str, *arguments: str) -> bytes:
    """Do one of the things below."""
    return bytes(globals()[task](data, *arguments) or b"")


def reverse(data: bytes) -> bytes:
    return data[::-1]


def number(_: bytes) -> bytes:
    """The process's id."""
    return str(os.getpid()).encode()


def burn(_: bytes) -> None:
    while True:
        pass


def sleep(_: bytes, path: str) -> None:
    """Write the process's id to a file first."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def hoard(_: bytes) -> bytes:
    return bytes(bytearray(10**9)[-1:])


def talk(_: bytes, size: str) -> bytes:
    return bytes(int(size))


def write(_: bytes, path: str, size: str) -> None:
    Path(path).write_bytes(bytes(int(size)))


def refuse(_: bytes) -> None:
    sys.stderr.write("a warning of a library")
    raise Refusal(line=3, reason="no\nsuch thing")


def fail(_: bytes) -> None:
    raise ValueError("nobody expected this")


def die(_: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def warn(_: bytes) -> None:
    sys.stderr.write("warning\n" * 200_000)


def surroundings(_: bytes) -> bytes:
    """The names in the environment, and how many files are open."""
    return json.dumps([sorted(os.environ), len(list(Path("/dev/fd").iterdir()))]).encode()
