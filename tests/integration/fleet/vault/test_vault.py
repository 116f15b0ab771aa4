"""Secrets in Postgres: whose keys are taken, that each end erases, and what a rotation leaves behind."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs import accept, claim, recover, retry
from fleet.jobs import attempt as attempts
from fleet.jobs.accept import Acceptance
from fleet.jobs.attempt import AttemptOutcome
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.claim import JobAttempt
from fleet.jobs.job import Job, State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.schedules import fire as firing
from fleet.schedules import schedule
from fleet.schedules.plan import ScheduleRefusal
from fleet.schedules.request import ScheduleRequest
from fleet.vault import Purpose, SecretOwner, Vault, WrongKeyError, enrol
from fleet.vault.key_file import new_key
from fleet.vault.rotation import rotate
from fleet.vault.settings import SecretSettings
from fleet.webhooks import endpoints
from tests.kit.databases import run_sql, with_database
from tests.kit.facts import PICTURE
from tests.kit.processes import free_port, started
from tests.kit.stages.stage import Stage
from tests.kit.vaults import SECRET_KEY, VAULT

MARKER = "marker-of-a-secret"
REQUEST = RenderRequest(html=f"<p>{MARKER}</p>")
LEASE, OVER = timedelta(seconds=60), timedelta(seconds=-1)
NEW = Vault([b"n" * 32])
BOTH = Vault([b"n" * 32, b"the key of a fleet under test!!!"])
URL = "https://example.com/hook"


async def accepted(database: Database, tenant_id: UUID, vault: Vault = VAULT) -> Job:
    return (await accept.accept(database, vault, tenant_id=tenant_id, request=REQUEST)).job


async def claimed(database: Database, job: Job, lease: timedelta = LEASE) -> JobAttempt:
    attempt = await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=lease)
    assert attempt is not None
    return attempt


def unsealed(attempt: JobAttempt, vault: Vault) -> str:
    return attempt.request.unseal(vault, SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id))


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


async def stored(database: Database, job: Job) -> asyncpg.Record:
    row = await database.fetchrow("SELECT * FROM jobs WHERE id = $1", job.id)
    assert row is not None
    return row


@pytest.mark.parametrize("end", ENDS)
async def test_each_end_erases_the_secrets_and_says_what_there_was(
    database: Database, tenant_id: UUID, end: str
) -> None:
    job = await accepted(database, tenant_id)
    assert (await stored(database, job))["secrets"] is not None
    state, happens = ENDS[end]
    await happens(database, job)
    row = await stored(database, job)
    assert (row["state"], row["secrets"], row["sealed_by"]) == (state, None, None)
    assert row["sealed_fields"] == ["html"]


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


async def test_another_key_seals_nothing_for_this_fleet(database: Database, tenant_id: UUID) -> None:
    await accepted(database, tenant_id)
    with pytest.raises(WrongKeyError, match="RENDERFLEET_SECRET_KEYS lacks the key"):
        await accepted(database, tenant_id, NEW)
    with pytest.raises(WrongKeyError):
        await enrol(database, NEW)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1
    assert await database.fetchval("SELECT array_agg(id) FROM secret_keys") == [VAULT.newest_id]


async def test_of_two_keys_that_a_new_fleet_gets_at_once_one_is_refused(database: Database) -> None:
    async with database.connection() as first:
        transaction = first.transaction()
        await transaction.start()
        await first.execute("LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE")
        await first.execute("INSERT INTO secret_keys (id) VALUES ($1)", VAULT.newest_id)
        second = asyncio.create_task(enrol(database, NEW))
        await asyncio.wait([second], timeout=0.5)
        await transaction.commit()
    with pytest.raises(WrongKeyError):
        await second
    assert await database.fetchval("SELECT count(*) FROM secret_keys") == 1


async def test_a_job_whose_secrets_are_erased_has_no_successor(database: Database, tenant_id: UUID) -> None:
    job = await accepted(database, tenant_id)
    await cancel(database, job)
    original = await retry.find_original(database, job_id=job.id, tenant_id=tenant_id)
    assert original is not None
    with pytest.raises(RuntimeError, match="vanished"):
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


@pytest.mark.parametrize("program", [("worker",), ("api",)])
async def test_a_process_with_another_key_does_not_start(stage: Stage, program: tuple[str, ...]) -> None:
    await enrol(stage.database, VAULT)
    log = stage.folder / "log"
    environment = stage.environment(SECRET_KEYS=new_key(), API_PORT=str(free_port()))
    async with started(*program, environment=environment, log=log) as process:
        assert await process.ended() != 0
    assert "RENDERFLEET_SECRET_KEYS lacks the key" in log.read_text()
    assert VAULT.newest_id.hex() in log.read_text()


async def test_a_rotation_leaves_nothing_to_the_old_key(database: Database, tenant_id: UUID) -> None:
    async def keyed(vault: Vault) -> Acceptance:
        return await accept.accept(database, vault, tenant_id=tenant_id, request=REQUEST, idempotency_key="k")

    first = await keyed(VAULT)
    more = [await accepted(database, tenant_id) for _ in range(25)]
    wanted = ScheduleRequest.model_validate({"cron": "@hourly", "job": {"html": MARKER}})
    await schedule.create(database, VAULT, tenant_id=tenant_id, wanted=wanted)
    old = await endpoints.find_or_make(database, VAULT, tenant_id=tenant_id, url=URL)
    assert old is not None
    await endpoints.rotate(database, VAULT, endpoint_id=old.id, tenant_id=tenant_id)

    rotation = await rotate(database, BOTH)
    assert rotation.sealed.items() >= {"jobs": 26, "schedules": 1, "webhook_endpoints": 2}.items()
    assert rotation.retired == [VAULT.newest_id]
    for job in (first.job, more[-1]):
        assert json.loads(unsealed(await claimed(database, job), NEW)) == {"html": REQUEST.html}
    await database.execute("UPDATE schedules SET next_fire_at = now()")
    [fired] = await firing.fire_due(database, NEW, AddressPolicy(), max_queued=0, limit=1)
    assert not isinstance(fired.result, ScheduleRefusal)
    endpoint = await endpoints.get(database, NEW, endpoint_id=old.id, tenant_id=tenant_id)
    assert endpoint is not None
    assert endpoint.previous_secret == old.secret
    assert (await keyed(BOTH)).job.id == first.job.id
    with pytest.raises(WrongKeyError):
        await accepted(database, tenant_id)  # a process that still has the old key alone
    assert set((await rotate(database, NEW)).sealed.values()) == {0}


async def test_the_command_rotates_and_says_what_it_did(
    database: Database, database_url: str, tenant_id: UUID, tmp_path: Path
) -> None:
    job = await accepted(database, tenant_id)
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_SECRET_KEYS": f"{await said('key')},{SECRET_KEY}",
        "RENDERFLEET_DATA_DIR": str(tmp_path),
    }
    words = await said("rotate", environment)
    assert "jobs: 1, schedules: 0, webhook_endpoints: 0" in words
    assert VAULT.newest_id.hex() in words
    assert (await stored(database, job))["sealed_by"] != VAULT.newest_id


async def said(command: str, environment: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleet.vault", command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    words, _ = await process.communicate()
    assert process.returncode == 0
    return words.decode().strip()


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
