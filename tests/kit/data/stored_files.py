"""The files below a folder that others write to meanwhile, such as that of the store."""

import os
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """All files; a folder that vanishes meanwhile, or is not there, has none."""
    return [Path(inner, name) for inner, _, names in os.walk(folder) for name in names]
