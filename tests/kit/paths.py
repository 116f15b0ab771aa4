"""The path of the repository."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# Where the packages of clients/python are.
CLIENT: Final = ROOT / "clients" / "python" / "src"
