"""The lists of this worker, loaded when the first job asks for them."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from fleet.filters.errors import FilterListError
from fleet.filters.store import MANIFEST, SHIPPED, ListFacts, ListName, load, read_manifest
from fleet.telemetry.logs import get_logger
from worker.blocking.list_engine import ListEngine

log = get_logger(__name__)


class FilterLists:
    """Holds each list once for all renders; both take 30 MiB. Newer files are noticed by themselves."""

    def __init__(self, folder: Path | None = None) -> None:
        """Load nothing yet.

        Args:
            folder: of the operator's own lists; None: those that renderfleet ships. If they cannot be used,
                the log says why, and the shipped ones are used.
        """
        self._wanted = folder
        self._seen: object = None
        self._folder = SHIPPED
        self._facts: Mapping[ListName, ListFacts] = {}
        self._loaded: dict[ListName, ListEngine] = {}
        self._lock = asyncio.Lock()

    def facts(self) -> Mapping[ListName, ListFacts]:
        """Which lists there are now."""
        if (stamp := self._stamp()) != self._seen or not self._facts:
            self._seen = stamp
            self._folder, self._facts = self._read()
            self._loaded = {}
        return self._facts

    async def engines(self, names: Collection[ListName]) -> dict[ListName, ListEngine]:
        """Load what is asked for.

        Raises:
            FilterListError: even the shipped lists cannot be read.
        """
        async with self._lock:
            self.facts()
            for name in names:
                if name not in self._loaded:
                    self._loaded[name] = await asyncio.to_thread(self._load, name)
            return {name: self._loaded[name] for name in names}

    def _stamp(self) -> object:
        if self._wanted is None:
            return None
        try:
            found = (self._wanted / MANIFEST).stat()
        except OSError:
            return "missing"
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> tuple[Path, Mapping[ListName, ListFacts]]:
        if self._wanted is not None:
            try:
                return self._wanted, read_manifest(self._wanted)
            except FilterListError as error:
                self._tell(error)
        return SHIPPED, read_manifest(SHIPPED)

    def _load(self, name: ListName) -> ListEngine:
        try:
            return ListEngine(load(self._folder, self._facts[name]))
        except FilterListError as error:
            if self._folder == SHIPPED:
                raise
            self._tell(error)
        self._folder, self._facts = SHIPPED, read_manifest(SHIPPED)
        return ListEngine(load(SHIPPED, self._facts[name]))

    def _tell(self, error: FilterListError) -> None:
        log.warning(
            "the lists of FILTER_LISTS_FOLDER cannot be used, the shipped ones are", reason=str(error)
        )


# Without a folder of an operator, all renders of a process share these.
SHIPPED_LISTS: Final = FilterLists()
