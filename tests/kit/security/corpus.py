"""Reads the list of dangerous addresses, for the tests of the API's schema and of the browser."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from fleet.egress.public_addresses import Address

CORPUS: Final = Path(__file__).with_name("ssrf_corpus.txt")


def lines() -> list[tuple[str, str]]:
    """The kind and the input of each line. Inputs are not stripped: spaces and tabs belong to them."""
    found = []
    for line in CORPUS.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            kind, _, text = line.partition("\t")
            found.append((kind, text))
    return found


PUBLIC: Final = ip_address("93.184.216.34")
PRIVATE: Final = ip_address("10.0.0.1")
# The answers of the name server for each name, in order; the last one is repeated.
ANSWERS: Final[dict[str, list[list[Address]]]] = {
    "public.resolver.test": [[PUBLIC]],
    "private.resolver.test": [[PRIVATE]],
    "mixed.resolver.test": [[PUBLIC, PRIVATE]],
    "rebind.resolver.test": [[PUBLIC], [PRIVATE]],
}


class RecordingResolver:
    """The name server for these addresses.

    Attributes:
        asked: the names that were looked up, in order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[Address]:
        """The next answer for a name.

        Raises:
            OSError: the name does not exist.
        """
        answers = ANSWERS.get(host)
        times = self.asked.count(host)
        self.asked.append(host)
        if answers is None:
            raise OSError(f"no such name: {host}")
        return answers[min(times, len(answers) - 1)]
