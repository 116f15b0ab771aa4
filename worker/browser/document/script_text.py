"""The scripts that run in pages, as they are sent there."""

import re
from importlib.resources.abc import Traversable
from typing import Final

# A page reads its scripts anew each time, and a third of ours are comments and indentation.
_NOT_READ: Final = re.compile(r"^[ \t]*//.*\n|^[ \t]+", re.MULTILINE)


def script_text(file: Traversable) -> str:
    """The text of a script of ours, without lines that are comments, and without indentation.

    Args:
        file: in which no text of more than one line has lines that look like a comment.
    """
    return _NOT_READ.sub("", file.read_text())
