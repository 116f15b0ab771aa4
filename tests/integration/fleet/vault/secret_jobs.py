"""Jobs with secrets, made and claimed as API and workers do it."""

from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from fleet.database import Database
from fleet.jobs.attempts import claim
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.create import accept
from fleet.jobs.job import Job
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.vault import Purpose, SecretOwner, Vault
from tests.kit.data.vaults import VAULT

MARKER = "marker-of-a-secret"


REQUEST = RenderRequest.model_validate(
    {"html": f"<p>{MARKER}</p>", "proxy": {"server": f"http://{MARKER}.example.com:3128"}}
)


LEASE = timedelta(seconds=60)


NEW = Vault([b"n" * 32])


URL = "https://example.com/hook"


async def accepted(database: Database, tenant_id: UUID, vault: Vault = VAULT) -> Job:
    return (await accept.accept(database, vault, tenant_id=tenant_id, request=REQUEST)).job


async def claimed(database: Database, job: Job, lease: timedelta = LEASE) -> JobAttempt:
    attempt = await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=lease)
    assert attempt is not None
    return attempt


def unsealed(attempt: JobAttempt, vault: Vault) -> str:
    return attempt.request.unseal(vault, SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id))


async def stored(database: Database, job: Job) -> asyncpg.Record:
    row = await database.fetchrow("SELECT * FROM jobs WHERE id = $1", job.id)
    assert row is not None
    return row
