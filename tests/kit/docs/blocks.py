"""The command blocks of README.md and docs/, as a reader copies them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit.paths import ROOT

PAGES: Final = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
NAMED_BY: Final = 60
_BLOCK: Final = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


# What every shell reads alike: words of letters and figures, pipes, redirections, NAME=VALUE, what stands
# between single quotes, and variables between double quotes. A zsh has an opinion of its own of ?, *, [, ~,
# !, braces, bare variables and more. Variables, and the output of plain words, are alike too where they are
# between double quotes or become a variable at the beginning of a line: they are not split there.
_WORDS: Final = r"\w/.:,@%+\- "
_OUTPUT: Final = rf"\$\([{_WORDS}]*\)"
_PLAIN: Final = re.compile(
    rf"(?:^\w+=(?:[\w/.:,@%+\-$]+|{_OUTPUT})|[{_WORDS}\s|<>;]|(?<=\w)=|"
    rf"\"(?:[{_WORDS}=$?&]|{_OUTPUT})*\"|'[^'!]*'|\\\n)*",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of commands.

    Attributes:
        page: path from the repository's root.
        text: the commands, with a line feed at the end.
    """

    page: str
    text: str

    @property
    def name(self) -> str:
        """The page and how the first line begins: it stays the same when lines are added above."""
        return f"{self.page}: {self.text.splitlines()[0][:NAMED_BY]}"

    @property
    def is_plain(self) -> bool:
        """Whether it means the same in each shell, so that one of them is enough to try it."""
        return _PLAIN.fullmatch(self.text) is not None


def blocks(root: Path = ROOT) -> Iterator[Block]:
    """All blocks marked as `sh`, in the order of the pages."""
    pages = (*(root / page for page in PAGES), *sorted((root / "docs").rglob("*.md")))
    for page in pages:
        for found in _BLOCK.finditer(page.read_text()):
            yield Block(str(page.relative_to(root)), textwrap.dedent(found[1]))
