"""Reads the PDFs of a tenant's own jobs from the store, to put them into the PDF of another job."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.database import Database
from fleet.jobs.files.own_pdfs import ERASED, UnusableJobError, find_own_pdfs
from fleet.jobs.job import Job


@dataclass(frozen=True, slots=True)
class OwnPdfs:
    """Access to what jobs have made."""

    database: Database
    artifacts: Artifacts

    async def fetch(self, tenant_id: UUID, paths: Mapping[UUID, Path]) -> None:
        """Write the PDFs of jobs into files.

        Args:
            tenant_id: whose jobs they must be.
            paths: the files, by the jobs' ids.

        Raises:
            UnusableJobError: a job has no PDF that is still stored.
            UnavailableError: Postgres or the store does not answer.
        """
        jobs = await find_own_pdfs(self.database, list(paths), tenant_id=tenant_id)
        # At the same time: the store's threads bound how many. All are awaited, since they write into files.
        copies = (self._copy(jobs[job_id], path) for job_id, path in paths.items())
        for outcome in await asyncio.gather(*copies, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _copy(self, job: Job, path: Path) -> None:
        if job.artifact is None or job.artifact_key is None:
            raise UnusableJobError(job.id, ERASED)
        try:
            await self.artifacts.download(job.artifact_key, path, size_bytes=job.artifact.size_bytes)
        except ArtifactMissingError as error:
            raise UnusableJobError(job.id, ERASED) from error
