"""What the API and the worker share, and nothing else."""

from typing import Final

VERSION: Final = "0.1.0"
