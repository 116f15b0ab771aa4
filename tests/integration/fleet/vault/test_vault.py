"""Secrets in Postgres: whose keys are taken, that each end erases, and what a rotation leaves behind."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import recover
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.create import retry
from fleet.jobs.job import Job, State
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest, sealed_columns
from fleet.schedules import fire as firing
from fleet.schedules import schedule
from fleet.schedules.plan import ScheduleRefusal
from fleet.schedules.request import ScheduleRequest
from fleet.vault import Purpose, SecretOwner, Vault
from fleet.vault.settings import SecretSettings
from tests.integration.fleet.vault.secret_jobs import (
    MARKER,
    NEW,
    REQUEST,
    URL,
    accepted,
    claimed,
    stored,
    unsealed,
)
from tests.kit.data.databases import run_sql, with_database
from tests.kit.data.facts import PICTURE
from tests.kit.data.vaults import SECRET_KEY, VAULT

OVER = timedelta(seconds=-1)


async def cancel(database: Database, job: Job) -> None:
    assert await cancel_job(database, job_id=job.id, tenant_id=job.tenant_id)


async def expires(database: Database, job: Job) -> None:
    await database.execute("UPDATE jobs SET expires_at = now() WHERE id = $1", job.id)


async def finish(database: Database, job: Job, outcome: AttemptOutcome) -> None:
    assert await attempts.finish(database, await claimed(database, job), outcome)


async def put_back(database: Database, job: Job, change: Callable[[Database, Job], Awaitable[None]]) -> None:
    attempt = await claimed(database, job)
    await change(database, job)
    assert await attempts.hand_back(database, attempt)


async def lose(database: Database, job: Job, change: Callable[[Database, Job], Awaitable[None]]) -> None:
    await claimed(database, job, OVER)
    await change(database, job)
    await recover.take_back_lost(database, lease=timedelta(), limit=10)


async def crashes_for_the_last_time(database: Database, job: Job) -> None:
    await database.execute("UPDATE jobs SET crash_count = 2 WHERE id = $1", job.id)


async def expire(database: Database, job: Job) -> None:
    await expires(database, job)
    await recover.expire_queued(database, limit=10)


STORED = AttemptOutcome(State.SUCCEEDED, artifact_key="k", artifact=PICTURE)
FAILED = AttemptOutcome(State.FAILED, error_type=ErrorType.PAGE_CRASHED, error_detail="it crashed")
ENDS: dict[str, tuple[State, Callable[[Database, Job], Awaitable[None]]]] = {
    "rendered": (State.SUCCEEDED, lambda d, j: finish(d, j, STORED)),
    "failed": (State.FAILED, lambda d, j: finish(d, j, FAILED)),
    "quarantined": (State.FAILED, lambda d, j: finish(d, j, replace(FAILED, is_quarantined=True))),
    "cancelled as it runs": (State.CANCELLED, lambda d, j: finish(d, j, AttemptOutcome(State.CANCELLED))),
    "expired as it runs": (State.EXPIRED, lambda d, j: finish(d, j, AttemptOutcome(State.EXPIRED))),
    "cancelled in the queue": (State.CANCELLED, cancel),
    "expired in the queue": (State.EXPIRED, expire),
    "cancelled, then put back": (State.CANCELLED, lambda d, j: put_back(d, j, cancel)),
    "expired, then put back": (State.EXPIRED, lambda d, j: put_back(d, j, expires)),
    "lost for the last time": (State.FAILED, lambda d, j: lose(d, j, crashes_for_the_last_time)),
    "lost and cancelled": (State.CANCELLED, lambda d, j: lose(d, j, cancel)),
    "lost and expired": (State.EXPIRED, lambda d, j: lose(d, j, expires)),
}


@pytest.mark.parametrize("end", ENDS)
async def test_each_end_erases_the_credentials_and_says_what_there_was(
    database: Database, tenant_id: UUID, end: str
) -> None:
    job = await accepted(database, tenant_id)
    before = await stored(database, job)
    assert before["secrets"] is not None
    state, happens = ENDS[end]
    await happens(database, job)
    row = await stored(database, job)
    assert (row["state"], row["secrets"], row["sealed_by"]) == (state, None, None)
    assert row["sealed_fields"] == ["html", "proxy"]
    # What the page was made of stays, and has no credential in it.
    owner = SecretOwner(Purpose.JOB, tenant_id, job.id)
    assert json.loads(VAULT.unseal(row["content"], owner=owner)) == {"html": REQUEST.html}


async def test_what_a_page_was_made_of_goes_with_the_artifact(database: Database, tenant_id: UUID) -> None:
    """The statement is that of the previous release, which knows no content."""
    job = await accepted(database, tenant_id)
    await cancel(database, job)
    content = (await stored(database, job))["content"]
    await database.execute("UPDATE jobs SET artifact_erased_at = now() WHERE id = $1", job.id)
    row = await stored(database, job)
    assert (row["content"], row["content_sealed_by"]) == (None, None)
    await database.execute("UPDATE jobs SET content = $2 WHERE id = $1", job.id, content)
    assert (await stored(database, job))["content"] is None


async def test_the_database_knows_the_key_of_all_content(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    row = await stored(database, job)
    assert row["content_sealed_by"] == VAULT.newest_id
    sealed = NEW.seal(b"{}", owner=SecretOwner(Purpose.JOB, tenant_id, job.id))
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="jobs_content_sealed_by"):
        await database.execute("UPDATE jobs SET content = $2 WHERE id = $1", job.id, sealed)
    with pytest.raises(asyncpg.CheckViolationError, match="jobs_know_key_of_content"):
        await database.execute("UPDATE jobs SET content_sealed_by = NULL WHERE id = $1", job.id)


async def test_a_job_of_the_previous_release_is_stored_and_read(database: Database, tenant_id: UUID) -> None:
    """It has all secrets in one part, which the end erases: it cannot be run again."""
    job = await accepted(database, tenant_id)
    owner = SecretOwner(Purpose.JOB, tenant_id, job.id)
    _, secrets, _ = sealed_columns(REQUEST, VAULT, owner)
    await database.execute("UPDATE jobs SET content = NULL, secrets = $2 WHERE id = $1", job.id, secrets)
    attempt = await claimed(database, job)
    assert RenderRequest.model_validate_json(unsealed(attempt, VAULT)) == REQUEST
    assert await attempts.finish(database, attempt, FAILED)
    original = await retry.find_original(database, job_id=job.id, tenant_id=tenant_id)
    assert original is not None
    assert original.erased_content == frozenset({"html"})
    assert original.erased_credentials == frozenset({"proxy"})


async def test_what_is_tried_again_keeps_them(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    before = (await stored(database, job))["secrets"]
    attempt = await claimed(database, job)
    await attempts.requeue_failed(
        database,
        attempt,
        delay=timedelta(),
        is_crash=False,
        error_type=ErrorType.STORAGE_UNAVAILABLE,
        error_detail="no store",
    )
    row = await stored(database, job)
    assert (row["state"], row["secrets"]) == ("queued", before)


async def test_the_database_keeps_no_secret_of_an_ended_job(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    sealed = (await stored(database, job))["secrets"]
    await cancel(database, job)
    with pytest.raises(asyncpg.CheckViolationError, match="jobs_end_without_secrets"):
        await database.execute("UPDATE jobs SET secrets = $2 WHERE id = $1", job.id, sealed)


async def test_a_job_that_has_succeeded_has_no_successor(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    await finish(database, job, STORED)
    original = await retry.find_original(database, job_id=job.id, tenant_id=tenant_id)
    assert original is not None
    with pytest.raises(retry.OriginalChangedError):
        await retry.accept_retry(database, VAULT, tenant_id=tenant_id, original=original, request=REQUEST)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_schedule_of_other_html_forgets_the_last_picture(database: Database, tenant_id: UUID) -> None:
    def wanted(html: str) -> ScheduleRequest:
        document = {"cron": "@hourly", "job": {"html": html}, "deliver": "when_changed"}
        return ScheduleRequest.model_validate(document)

    made = await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=wanted("old"))
    assert made is not None
    await database.execute("UPDATE schedules SET picture = $1, picture_key = 'k'", PICTURE.to_json())
    for html, key in (("old", "k"), ("new", None)):
        ids = {"schedule_id": made.id, "tenant_id": tenant_id}
        assert await schedule.replace(database, VAULT, **ids, wanted=wanted(html))
        last = await schedule.last_picture(database, made.id)
        assert last is not None
        assert last.key == key


async def test_a_damaged_schedule_stops_no_other(database: Database, tenant_id: UUID) -> None:
    wanted = ScheduleRequest.model_validate({"cron": "@hourly", "job": {"html": MARKER}})
    damaged, sound = [
        await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=wanted) for _ in range(2)
    ]
    assert damaged is not None
    assert sound is not None
    await database.execute("UPDATE schedules SET next_fire_at = now()")
    await database.execute("UPDATE schedules SET secrets = secrets || '\\x00' WHERE id = $1", damaged.id)
    fired = await firing.fire_due(database, VAULT, AddressPolicy(), max_queued=0, limit=10)
    results = {fire.schedule_id: fire.result for fire in fired}
    refusal = results[damaged.id]
    assert isinstance(refusal, ScheduleRefusal)
    assert refusal.type is ErrorType.SECRETS_UNREADABLE
    assert not isinstance(results[sound.id], ScheduleRefusal)


@pytest.mark.parametrize("keys", [SECRET_KEY, ""])
async def test_what_lay_in_clear_is_sealed_by_the_migration(
    engines: Engines, tmp_path: Path, keys: str
) -> None:
    """With the key of the settings, or without one with that in DATA_DIR."""
    await run_sql(engines.database_url, "CREATE DATABASE from_before")
    url = with_database(engines.database_url, "from_before")
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": url,
        "RENDERFLEET_SECRET_KEYS": keys,
        "RENDERFLEET_DATA_DIR": str(tmp_path),
    }
    await migrated(environment, "0006")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"""
            INSERT INTO tenants (id, name) VALUES ('{UUID(int=1)}', 't');
            INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
            VALUES ('{UUID(int=2)}', '{UUID(int=1)}', '{{"html": "{MARKER}", "format": "pdf"}}', '\\x00', 3);
            INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, finished_at)
            VALUES ('{UUID(int=3)}', '{UUID(int=1)}', '{{"html": "{MARKER}"}}', '\\x00', 3, 'cancelled',
                    now());
            INSERT INTO webhook_endpoints (id, tenant_id, url, secret)
            VALUES ('{UUID(int=4)}', '{UUID(int=1)}', '{URL}', '{MARKER}');
        """)  # noqa: S608 - constants
        await migrated(environment, "head")
        job, ended = await connection.fetch("SELECT * FROM jobs ORDER BY id")
        [endpoint] = await connection.fetch("SELECT * FROM webhook_endpoints")
    finally:
        await connection.close()
        await run_sql(engines.database_url, "DROP DATABASE from_before WITH (FORCE)")
    assert MARKER not in str((job, ended, endpoint))
    vault = Vault.open(SecretSettings(secret_keys=SecretStr(keys)), tmp_path)
    sealed = SealedRequest(job["request"], job["secrets"])
    whole = sealed.unseal(vault, SecretOwner(Purpose.JOB, UUID(int=1), UUID(int=2)))
    assert json.loads(whole) == {"html": MARKER, "format": "pdf"}
    assert (ended["secrets"], ended["sealed_fields"]) == (None, ["html"])
    owner = SecretOwner(Purpose.WEBHOOK, UUID(int=1), UUID(int=4))
    assert vault.unseal(endpoint["secret"], owner=owner).decode() == MARKER


async def migrated(environment: dict[str, str], revision: str) -> None:
    program = (
        "from alembic import command; from migrations.__main__ import alembic_config;"
        f"command.upgrade(alembic_config(), '{revision}')"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
    assert await process.wait() == 0
