"""Where the lists lie: those that renderfleet ships, or newer ones in a folder of the operator.

A folder has a manifest, `lists.json`, and two files for each list: its text and its compiled form, with a
part of their SHA-256 in their names. The manifest is written last, in one step: whoever reads it finds the
files of one update.
"""

import hashlib
import json
import lzma
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fleet.filters.compiled import ENGINE, CompiledList
from fleet.filters.errors import FilterListError
from fleet.filters.rules import Rules, parse

SHIPPED: Final = Path(__file__).with_name("shipped")
MANIFEST: Final = "lists.json"
MAX_TEXT_BYTES: Final = 32 * 2**20
# A list that has lost more rules than this since the last update was cut off, or is another one. Half of the
# bytes of EasyList have 67% of its rules; from year to year it changes by some percent.
_SAME_LIST: Final = (0.8, "four fifths")
_OTHER_LIST: Final = (0.5, "half")


class ListName(StrEnum):
    """What a list is for."""

    ADS = "ads"
    TRACKERS = "trackers"


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What is known of a stored list.

    Attributes:
        name: what it is for.
        title: what it calls itself.
        date: the day of its text, as YYYY-MM-DD.
        licence: under which it may be passed on.
        homepage: whose it is.
        rules: how many it has.
        engine: by which it was compiled, with its version.
        text: the file of its text (xz).
        compiled: the file of its compiled form.
        sha256: of the two files, in this order, in hexadecimal.
    """

    name: ListName
    title: str
    date: str
    licence: str
    homepage: str
    rules: int
    engine: str
    text: str
    compiled: str
    sha256: tuple[str, str]


def read_manifest(folder: Path) -> dict[ListName, ListFacts]:
    """The lists of a folder.

    Raises:
        FilterListError: there is no manifest, or it is broken.
    """
    path = folder / MANIFEST
    try:
        entries = json.loads(path.read_text())["lists"]
        facts = [
            ListFacts(**{**entry, "name": ListName(entry["name"]), "sha256": tuple(entry["sha256"])})
            for entry in entries
        ]
    except OSError as error:
        raise FilterListError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FilterListError(f"{path} is no manifest of lists") from error
    if missing := set(ListName) - {one.name for one in facts}:
        raise FilterListError(f"{path} lacks the list {min(missing)}")
    return {one.name: one for one in facts}


def load(folder: Path, facts: ListFacts) -> CompiledList:
    """Read a list; takes 0.15 s, and a second if another version of the engine has compiled it.

    Raises:
        FilterListError: its file is missing or broken.
    """
    if facts.engine == ENGINE:
        return CompiledList.unpack(_content(folder / facts.compiled, facts.sha256[1]))
    return CompiledList.of(parse(read_text(folder, facts)))


def read_text(folder: Path, facts: ListFacts) -> str:
    """The text of a list.

    Raises:
        FilterListError: its file is missing or broken.
    """
    packed = _content(folder / facts.text, facts.sha256[0])
    try:
        return lzma.decompress(packed).decode()
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise FilterListError(f"{facts.text} is broken") from error


def _content(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FilterListError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise FilterListError(f"{path} is not the file that the manifest names: its SHA-256 is another one")
    return content


def write(
    folder: Path,
    texts: Mapping[ListName, str],
    *,
    dates: Mapping[ListName, str],
    licences: Mapping[ListName, str],
    previous: Mapping[ListName, ListFacts] = MappingProxyType({}),
    others: Path | None = None,
) -> None:
    """Check, compile and store lists. If one is refused, those that are there stay.

    Args:
        folder: is made if it is missing.
        texts: of the lists that change.
        dates: the day of each text.
        licences: of each text.
        previous: the lists that they replace: one that has much fewer rules is refused.
        others: the folder from which lists without a text are taken as they are.

    Raises:
        FilterListError: one of them is no list; the message names it.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rules = {name: _checked(name, text, previous.get(name)) for name, text in texts.items()}
    entries = [
        _stored(folder, name, text, rules[name], date=dates[name], licence=licences[name])
        for name, text in texts.items()
    ]
    if others is not None:
        entries += [
            _copied(folder, others, one) for one in read_manifest(others).values() if one.name not in texts
        ]
    new = folder / f"{MANIFEST}.new"
    new.write_text(json.dumps({"lists": [asdict(entry) for entry in entries]}, indent=2) + "\n")
    new.replace(folder / MANIFEST)
    kept = {MANIFEST, *(name for entry in entries for name in (entry.text, entry.compiled))}
    for path in folder.iterdir():
        if path.name not in kept and path.suffix in {".xz", ".zip"}:
            path.unlink()


def _copied(folder: Path, others: Path, facts: ListFacts) -> ListFacts:
    for name, sha256 in zip((facts.text, facts.compiled), facts.sha256, strict=True):
        content = _content(others / name, sha256)
        if not (folder / name).exists():
            _write_whole(folder / name, content)
    return facts


def _checked(name: ListName, text: str, previous: ListFacts | None) -> Rules:
    try:
        rules = parse(text)
    except FilterListError as error:
        raise FilterListError(f"the list of {name} is refused: {error}") from error
    if previous is None:
        return rules
    share, words = _SAME_LIST if rules.title == previous.title else _OTHER_LIST
    if rules.count < share * previous.rules:
        raise FilterListError(
            f"the list of {name} is refused: it has {rules.count:,} rules, less than {words} of the "
            f"{previous.rules:,} that the last one had, so it is cut off or another list"
        )
    return rules


def _stored(folder: Path, name: ListName, text: str, rules: Rules, *, date: str, licence: str) -> ListFacts:
    packed = lzma.compress(text.encode(), preset=9)
    compiled = CompiledList.of(rules).packed()
    sums = (hashlib.sha256(packed).hexdigest(), hashlib.sha256(compiled).hexdigest())
    names = (f"{name}-{sums[0][:12]}.txt.xz", f"{name}-{sums[1][:12]}.zip")
    for file, content in zip(names, (packed, compiled), strict=True):
        _write_whole(folder / file, content)
    return ListFacts(
        name, rules.title, date, licence, rules.homepage, rules.count, ENGINE, *names, sha256=sums
    )


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
