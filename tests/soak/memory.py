"""How much memory a worker needs, by kind of process.

PSS: a page that several processes share counts for each by its part, so that sums are true. Of programs and
libraries the part depends on how many browsers run on the machine, whoever started them; what processes hold
for themselves does not. So the latter is what growth is told by.
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

# proc_pid_smaps(5); in smaps_rollup since Linux 4.14, by kind of page since 5.4.
_FIELDS: Final = re.compile(r"^(Pss|Pss_File): +(\d+) kB$", re.MULTILINE)


class Part(StrEnum):
    """Kinds of processes."""

    PYTHON = "Python"
    DRIVER = "driver"
    BROWSER = "browser and utilities"
    RENDERERS = "renderers"


@dataclass(frozen=True, slots=True)
class Memory:
    """One worker at one moment.

    Attributes:
        parts: PSS in bytes.
        file_bytes: the share of programs and libraries in it.
        browsers: browser processes; more than one while one replaces the other.
    """

    parts: Mapping[Part, float]
    file_bytes: float
    browsers: int

    @property
    def total(self) -> float:
        """PSS of all of it, in bytes."""
        return sum(self.parts.values())

    @property
    def own(self) -> float:
        """What its processes hold for themselves, in bytes: PSS without programs and libraries."""
        return self.total - self.file_bytes

    @classmethod
    def median(cls, moments: Sequence["Memory"]) -> "Memory":
        """The one in the middle, by what it holds: a canary that comes by does not count."""
        return sorted(moments, key=lambda one: one.own)[len(moments) // 2]


def memory_of(pid: int) -> Memory:
    """Of a worker and all that descends from it.

    Raises:
        ProductError: the kernel does not let us look.
    """
    parts = dict.fromkeys(Part, 0.0)
    file_bytes = browsers = 0
    with suppress(psutil.NoSuchProcess):  # it has just ended, and is started again
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
    """What it is, and whether it is a browser process."""
    words = " ".join(process.cmdline())  # Chromium writes the words of its children anew, as one
    if "--user-data-dir" in words and "--type=" not in words:
        return Part.BROWSER, True
    if "--type=renderer" in words:
        return Part.RENDERERS, False
    if "--type=" in words:
        return Part.BROWSER, False
    return (Part.DRIVER if process.name().startswith("node") else Part.PYTHON), False


def _pss(pid: int) -> dict[str, int]:
    """By field, in bytes; nothing of a process that has ended and waits for its parent."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        raise ProductError(f"The memory of process {pid} cannot be read. Run it as root, on Linux.") from None
    return {"Pss": 0, "Pss_File": 0, **{name: int(kib) * 1024 for name, kib in _FIELDS.findall(text)}}
