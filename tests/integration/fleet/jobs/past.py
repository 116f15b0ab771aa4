"""Jobs with a past, for tests of what is erased and when."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.keys import artifact_key
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs import read
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.create import accept as acceptance
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import VAULT

DAY = timedelta(days=1)


LEASE = timedelta(seconds=60)


class Past:
    """Jobs with a past, made as API and workers make them."""

    def __init__(
        self, engines: Engines, database: Database, artifacts: Artifacts, tenant_id: UUID, file: Path
    ) -> None:
        self.engines = engines
        self.file = file
        self.database = database
        self.artifacts = artifacts
        self.tenant_id = tenant_id

    async def accept(self) -> Job:
        request = RenderRequest(html="<p>x</p>")
        return (await acceptance.accept(self.database, VAULT, tenant_id=self.tenant_id, request=request)).job

    async def claim(self, job: Job) -> JobAttempt:
        dispatch = await self.database.fetchval("SELECT dispatch FROM jobs WHERE id = $1", job.id)
        found = await claims.claim(
            self.database, QueueEntry(job.id, dispatch), worker_id=uuid4(), lease=LEASE
        )
        assert found is not None
        return found

    async def upload(self, attempt: JobAttempt, extension: str = "png") -> str:
        key = artifact_key(attempt.tenant_id, attempt.job_id, attempt.attempt, attempt.created_at, extension)
        await self.artifacts.upload(self.file, key, content_type="image/png")
        return key

    async def succeed(self, attempt: JobAttempt) -> str:
        key = await self.upload(attempt)
        outcome = AttemptOutcome(State.SUCCEEDED, artifact_key=key, artifact=PICTURE)
        assert await attempts.finish(self.database, attempt, outcome)
        return key

    async def succeeded(self, *, days_ago: int = 0) -> tuple[Job, str]:
        job = await self.accept()
        await self.age("jobs", "created_at", days_ago * DAY, job.id)
        return job, await self.succeed(await self.claim(job))

    async def retry(self, attempt: JobAttempt) -> None:
        went = await attempts.requeue_failed(
            self.database,
            attempt,
            delay=timedelta(),
            is_crash=False,
            error_type=ErrorType.STORAGE_UNAVAILABLE,
            error_detail="x",
        )
        assert went is not None

    def stored(self) -> set[str]:
        """Keys of all objects in the bucket that are artifacts of this tenant."""
        bucket = self.engines.s3.folder / "renderfleet"
        return {str(path.relative_to(bucket)) for path in bucket.glob(f"{self.tenant_id}/**/*.*")}

    async def age(self, table: str, column: str, by: timedelta, *ids: UUID) -> None:
        """As if it had happened so much earlier; of all rows, or of these jobs."""
        of_job = "id" if table == "jobs" else "job_id"
        sql = f"UPDATE {table} SET {column} = {column} - $1::interval WHERE $2 OR {of_job} = ANY($3::uuid[])"  # noqa: S608 - names from this file
        await self.database.execute(sql, by, not ids, list(ids))

    async def erasable(self, *found: Job) -> None:
        """The retention of these jobs is over."""
        await self.age("jobs", "erase_at", 8 * DAY, *(job.id for job in found))

    async def row(self, job: Job) -> Job | None:
        return await read.get(self.database, job_id=job.id, tenant_id=job.tenant_id)

    async def is_erased(self, job: Job) -> bool:
        row = await self.row(job)
        assert row is not None
        return row.artifact_erased_at is not None
