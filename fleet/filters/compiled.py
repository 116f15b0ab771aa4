"""A list as workers load it: sets of hosts, and the engine's own form of the other rules.

The engine is `adblock`, which is Brave's. What it has serialised is read in 10 ms; reading the text again
takes a second and three times the memory.
"""

import io
import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, Self

import adblock

from fleet.filters.errors import FilterListError
from fleet.filters.rules import Rules

ENGINE: Final = f"adblock {version('adblock')}"
_HOSTS: Final = "hosts.json"
_RULES: Final = "rules.dat"
_MAX_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class CompiledList:
    """What decides about requests.

    Attributes:
        hosts: see `Rules.hosts`.
        third_party: see `Rules.third_party`.
        exceptions: see `Rules.exceptions`.
        watched: see `Rules.watched`.
        engine: for all other rules.
    """

    hosts: frozenset[str]
    third_party: frozenset[str]
    exceptions: dict[str, tuple[str, ...] | None]
    watched: tuple[str, ...]
    engine: adblock.Engine

    @classmethod
    def of(cls, rules: Rules) -> Self:
        """Compile a list; takes a second."""
        filters = adblock.FilterSet()
        filters.add_filters(list(rules.rest))
        engine = adblock.Engine(filters, optimize=True)
        return cls(rules.hosts, rules.third_party, rules.exceptions, rules.watched, engine)

    def packed(self) -> bytes:
        """The content of a file of it."""
        hosts = {
            "hosts": sorted(self.hosts),
            "third_party": sorted(self.third_party),
            "exceptions": self.exceptions,
            "watched": self.watched,
        }
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr(_HOSTS, json.dumps(hosts))
            archive.writestr(_RULES, bytes(self.engine.serialize()))
        return packed.getvalue()

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Read what `packed` has written.

        Raises:
            FilterListError: it is broken.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                    raise FilterListError("the compiled list is larger than any list")
                hosts = json.loads(archive.read(_HOSTS))
                engine = adblock.Engine(adblock.FilterSet())
                engine.deserialize(archive.read(_RULES))
            exceptions = {
                host: None if sites is None else tuple(sites) for host, sites in hosts["exceptions"].items()
            }
            return cls(
                frozenset(hosts["hosts"]),
                frozenset(hosts["third_party"]),
                exceptions,
                tuple(hosts["watched"]),
                engine,
            )
        except (zipfile.BadZipFile, KeyError, ValueError, adblock.AdblockException) as error:
            raise FilterListError("the compiled list is broken") from error
