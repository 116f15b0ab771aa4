"""The jobs that somebody has made with the playground, one after the other, and the one that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode
from uuid import UUID

from api.dependencies import Dependencies
from api.ui.dashboard_page import ROOT
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job
from fleet.jobs.read import get
from fleet.tenants.tenant import Tenant

PATH: Final = f"{ROOT}/playground"
# So many fit beside each other, and each is read with a query of its own.
MOST_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Tries:
    """Ids of jobs, the newest first. They are in the page's address, so that nothing has to be stored."""

    ids: tuple[UUID, ...] = ()

    @classmethod
    def read(cls, words: str) -> Self:
        """Read them from an address or a form; what is no id is left out."""
        found: list[UUID] = []
        for word in words.split(","):
            try:
                job_id = UUID(word)
            except ValueError:
                continue
            if job_id not in found:
                found.append(job_id)
        return cls(tuple(found[:MOST_TRIES]))

    def with_newest(self, job_id: UUID) -> "Tries":
        """These and one that was made now."""
        return Tries((job_id, *(one for one in self.ids if one != job_id))[:MOST_TRIES])

    def __str__(self) -> str:
        return ",".join(str(one) for one in self.ids)

    def address(self, job_id: UUID) -> str:
        """The page that shows one of them, and the form that it came from."""
        return f"{PATH}?{urlencode({'job': job_id, 'tries': self})}"


@dataclass(frozen=True, slots=True)
class Result:
    """What is shown beside the form.

    Attributes:
        shown: the job; None: there is none yet.
        document: what the API says of it.
        earlier: all tries that still exist, the newest first.
        tries: their ids.
    """

    shown: Job | None
    document: JobDocument | None
    earlier: Sequence[Job]
    tries: Tries

    @classmethod
    async def of(
        cls, dependencies: Dependencies, tenant: Tenant, tries: Tries, shown: Job | None = None
    ) -> "Result":
        """The result of a job, or without one of the newest try."""
        found = {shown.id: shown} if shown is not None else {}
        for job_id in tries.ids:
            if job_id not in found:
                job = await get(dependencies.database, job_id=job_id, tenant_id=tenant.id)
                found |= {} if job is None else {job_id: job}
        earlier = [found[job_id] for job_id in tries.ids if job_id in found]
        current = shown or next(iter(earlier), None)
        document = None if current is None else JobDocument.of(current)
        return cls(current, document, earlier, tries)

    @property
    def is_open(self) -> bool:
        """Whether the job goes on, so that there will be more to see."""
        return self.shown is not None and not self.shown.state.is_terminal
