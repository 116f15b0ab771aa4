"""The corpus of bad addresses, as the schema's test and the browser's tests read it."""

from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).with_name("ssrf_corpus.txt")


def lines() -> list[tuple[str, str]]:
    """Class and input of each line. An input may begin with a space and hold tabs: neither is stripped."""
    found = []
    for line in CORPUS.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            kind, _, text = line.partition("\t")
            found.append((kind, text))
    return found
