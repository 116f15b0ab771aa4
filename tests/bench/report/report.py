"""Writes docs/benchmarks.md: one section per case. A run replaces the sections of its cases only."""

import os
import platform
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

PAGE: Final = "benchmarks.md"
PLOTS: Final = "benchmarks"
_WIDTH: Final = 110

_INTRODUCTION: Final = """\
# Benchmarks

Written by `make bench` (`tests/bench/`), and by `make soak` and `make leak-audit` (`tests/soak/`). Run them
on your own machine: the figures of one machine say little about another.
Things that are compared run in turn within one run: A B C, B C A, C A B. So if the machine becomes slower,
all of them become slower. A ratio is taken in each round. "CPU" is the user and system time of a process and
all its child processes, including those that have ended. Each figure is a median; the lowest and the highest
round stand behind it. All traffic stays on loopback. The processes that serve pages or make calls are not
counted.
"""
_AIMS_HEADER: Final = ("aim", "measured", "met")
_MARKER: Final = re.compile(r"^<!-- case: (\w+) -->$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table for GitHub. All columns except the first are aligned right."""
        rule = ["---", *("---:" for _ in self.header[1:])]
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))

    def text(self) -> str:
        """For a terminal."""
        rows = (self.header, *self.rows)
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.header))]
        lines = []
        for row in rows:
            first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join([first, *(cell.strip().rjust(len(cell)) for cell in rest)]))
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Aim:
    """An aim, what was measured, and whether the aim is met."""

    aim: str
    measured: str
    is_met: bool

    def row(self) -> tuple[str, str, str]:
        """One line of the table of aims."""
        return (self.aim, self.measured, "yes" if self.is_met else "**no**")


@dataclass(slots=True)
class Section:
    """The section of a case.

    Attributes:
        parts: paragraphs, tables and plots, in order.
    """

    title: str
    parts: "list[str | Table | Plot]" = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)

    def markdown(self) -> str:
        """The section without facts and marker."""
        blocks = [
            textwrap.fill(part, _WIDTH, break_long_words=False, break_on_hyphens=False)
            if isinstance(part, str)
            else part.markdown()
            for part in [*self._aims(), *self.parts]
        ]
        return "\n\n".join([f"## {self.title}", *blocks])

    def text(self) -> str:
        """Title, aims and tables for a terminal, without the paragraphs."""
        tables = [part for part in self.parts if isinstance(part, Table)]
        return "\n\n".join([self.title, *(table.text() for table in [*tables, *self._aims()])])

    def _aims(self) -> list[Table]:
        return [Table(_AIMS_HEADER, [aim.row() for aim in self.aims])] if self.aims else []


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot in a file next to the page."""

    file: Path
    description: str

    def markdown(self) -> str:
        """The plot, with its path relative to the page."""
        return f"![{self.description}]({PLOTS}/{self.file.name})"


def facts(*, chromium: str, command: str, other_load: float) -> str:
    """The conditions under which the figures of a section were measured."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"*{datetime.now(UTC):%Y-%m-%d}, `{command}`: {os.cpu_count()} cores ({_processor()}), "
        f"{memory_gib:.0f} GiB, {platform.system()} {platform.machine()}, {chromium}, "
        f"Playwright {version('playwright')}, Python {platform.python_version()}. Other programs used "
        f"{other_load:.0%} of the machine meanwhile.*"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return " ".join(found[1].split()) if found else platform.processor() or "unknown"


def write_section(docs: Path, case: str, section: Section, facts_line: str, order: Sequence[str]) -> Path:
    """Write a section into the page, in place of the earlier one. Returns the path of the page."""
    page = docs / PAGE
    sections = _read_sections(page)
    sections[case] = f"{section.markdown()}\n\n{textwrap.fill(facts_line, _WIDTH)}\n"
    # Sections that other commands have written are kept, after these.
    known = [*(name for name in order if name in sections), *(name for name in sections if name not in order)]
    aims = [row for name in known for row in _aims_of(sections[name])]
    overview = Table(_AIMS_HEADER, aims).markdown() + "\n" if aims else ""
    blocks = [f"<!-- case: {name} -->\n{sections[name]}" for name in known]
    docs.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join([_INTRODUCTION, overview, *blocks]))
    return page


def _read_sections(page: Path) -> dict[str, str]:
    if not page.exists():
        return {}
    _, *pieces = _MARKER.split(page.read_text())
    return {name: text.strip() + "\n" for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def _aims_of(section: str) -> list[list[str]]:
    """The rows of a section's table of aims, so that the overview contains cases that did not run, too."""
    lines = section.splitlines()
    header = "| " + " | ".join(_AIMS_HEADER) + " |"
    if header not in lines:
        return []
    rows = []
    for line in lines[lines.index(header) + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line.strip("| ").split(" | "))
    return rows
