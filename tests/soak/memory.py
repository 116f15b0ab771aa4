"""Measures the memory of a worker, by kind of process.

PSS divides a memory page among the processes that share it, so PSS values may be added up. The PSS of
programs and libraries depends on how many browsers run on the machine, whoever started them. So growth is
computed without programs and libraries.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from tests.bench.clients.product import ProductError

# See proc_pid_smaps(5). smaps_rollup exists since Linux 4.14, Pss_File in it since 5.4.
_FIELDS: Final = re.compile(r"^(Pss|Pss_File): +(\d+) kB$", re.MULTILINE)


class Part(StrEnum):
    """Kinds of processes."""

    PYTHON = "Python"
    DRIVER = "driver"
    BROWSER = "browser and utilities"
    RENDERERS = "renderers"


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one worker at one time.

    Attributes:
        parts: PSS in bytes, by kind of process.
        file_bytes: how much of it is programs and libraries.
        browsers: how many browser processes there are; more than one while a browser is replaced.
    """

    parts: Mapping[Part, float]
    file_bytes: float
    browsers: int

    @property
    def total(self) -> float:
        """PSS of all processes, in bytes."""
        return sum(self.parts.values())

    @property
    def own(self) -> float:
        """PSS without programs and libraries, in bytes."""
        return self.total - self.file_bytes

    @classmethod
    def median(cls, moments: Sequence["Memory"]) -> "Memory":
        """The median by `own`, so that a canary render in one of them does not change the result."""
        return sorted(moments, key=lambda one: one.own)[len(moments) // 2]


def memory_of(pid: int) -> Memory:
    """Memory of a worker and all processes below it.

    Raises:
        ProductError: the kernel does not allow reading it.
    """
    parts = dict.fromkeys(Part, 0.0)
    file_bytes = browsers = 0
    with suppress(psutil.NoSuchProcess):  # the worker has ended and will be started again
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
                part, is_browser = _kind(process)
                found = _pss(process.pid)
                parts[part] += found["Pss"]
                file_bytes += found["Pss_File"]
                browsers += is_browser
    return Memory(parts, file_bytes, browsers)


def browser_pids(pid: int) -> list[int]:
    """The browser processes of a worker."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if _kind(process)[1]:
                    found.append(process.pid)
    return found


def _kind(process: psutil.Process) -> tuple[Part, bool]:
    """The kind of a process, and whether it is a browser process."""
    words = " ".join(process.cmdline())  # Chromium's child processes have all arguments in one
    if "--user-data-dir" in words and "--type=" not in words:
        return Part.BROWSER, True
    if "--type=renderer" in words:
        return Part.RENDERERS, False
    if "--type=" in words:
        return Part.BROWSER, False
    return (Part.DRIVER if process.name().startswith("node") else Part.PYTHON), False


def _pss(pid: int) -> dict[str, int]:
    """The fields in bytes; 0 for a zombie process."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        raise ProductError(f"The memory of process {pid} cannot be read. Run it as root, on Linux.") from None
    return {"Pss": 0, "Pss_File": 0, **{name: int(kib) * 1024 for name, kib in _FIELDS.findall(text)}}
