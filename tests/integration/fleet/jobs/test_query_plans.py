"""Claim, sweep, list and status stay flat however many jobs have finished.

Not a timed test: with 100,000 finished jobs, each statement must touch a handful of pages. A sequential scan
would touch thousands, at ten million finished jobs as many times more.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from fleet.bundles import rows as bundles
from fleet.capacity import demand
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.history import record
from fleet.jobs import cancel, changes, erase, listing, read, waiting
from fleet.jobs.attempts import attempt, claim, recover
from fleet.jobs.attempts import history as attempt_history
from fleet.jobs.create import accept, accept_batch, inserts, retry, reuse
from fleet.jobs.create.insert import NewJob
from fleet.jobs.job import State
from fleet.render.request import RenderRequest
from fleet.schedules import history as schedule_history
from fleet.tenants import usage
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S

FINISHED = 100_000
OPEN = 200
MOST_PAGES = 400
# Where the ids of finished jobs are in their middle.
MIDDLE = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=FINISHED // 2)
LATELY = datetime.now(UTC) - timedelta(minutes=5)
# What hardly any job has, so that a walk through all jobs would take long to find twenty of them.
RARE: tuple[dict[str, Any], ...] = (
    {"host": "rare.example"},
    {"format": "pdf"},
    {"external_id": "7"},
    {"error_type": ErrorType.TLS_ERROR},
)

# Of ten, nine are erased; the tenth is due, or will be.
SEED_FINISHED = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, finished_at, artifact_key,
                      erase_at, artifact_erased_at, render_digest, host, format, external_id)
    SELECT (lpad(to_hex(n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 16), 4, '0'))::uuid, $1, '{}',
           '\\x00', 3, 'succeeded', now() - n * interval '1 s', 'k', now() + (100 - n) * interval '1 s',
           CASE WHEN n % 10 > 0 THEN now() END, '\\x00',
           CASE n % 100000 WHEN 7 THEN 'rare.example' ELSE 'usual.example' END,
           CASE n % 100000 WHEN 7 THEN 'pdf' ELSE 'png' END, n::text
    FROM generate_series(1, $2::integer) AS n
"""
SEED_ATTEMPTS = """
    INSERT INTO attempts (job_id, attempt, worker_id, finished_at, outcome, orphan_erased_at)
    SELECT id, number, id, finished_at, CASE number WHEN 1 THEN 'failed' ELSE 'succeeded' END,
           artifact_erased_at
    FROM jobs CROSS JOIN generate_series(1, 2) AS number WHERE state = 'succeeded' AND id < $1
"""
SEED_OPEN = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, lease_until, dispatched_at,
                      queued_at)
    SELECT (lpad(to_hex(n), 12, '0') || '70008000ffffffffffff')::uuid, $1, '{}', '\\x00', 3,
           CASE WHEN n % 2 = 0 THEN 'queued' ELSE 'running' END,
           CASE WHEN n % 2 = 1 THEN now() - interval '1 minute' END, now() - interval '1 minute',
           now() - interval '1 minute'
    FROM generate_series(1, $2::integer) AS n
"""

# Many open jobs in rows that were never vacuumed. Each host has jobs of one state alone, so that few filters
# meet.
FRESH = 30_000
# A look at all jobs of a state inside an index; their rows would be at least 3,000 pages.
MOST_PAGES_OF_INDEX = 1_000
SEED_FRESH = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, finished_at, lease_until,
                      run_after, parked, artifact_key, error_type, host, format, external_id)
    SELECT (lpad(to_hex(n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 16), 4, '0'))::uuid, $1,
           json_build_object('filling', repeat('x', 500)), '\\x00', 3, state,
           CASE WHEN state IN ('succeeded', 'failed') THEN now() END,
           CASE state WHEN 'running' THEN now() END, now() + interval '1 day',
           state = 'queued' AND n % 40 = 2,
           CASE state WHEN 'succeeded' THEN 'k' END, CASE state WHEN 'failed' THEN 'tls_error' END,
           state || '.example',
           CASE n % 4 WHEN 0 THEN 'png' ELSE 'pdf' END, state
    FROM (SELECT n, CASE n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'running' WHEN 2 THEN 'queued'
                                ELSE 'succeeded' END AS state
          FROM generate_series(1, $2::integer) AS n) AS made
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def pages_touched(pool: Database, sql: str, *arguments: object) -> int:
    """Run the statement for real, undone afterwards; the pages that all of its nodes read or wrote."""
    async with pool.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            text = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
        finally:
            await transaction.rollback()
    plan = json.loads(text)[0]["Plan"]
    scanned = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert not {"jobs", "attempts"} & set(scanned), json.dumps(plan, indent=1)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def counted(tenant_id: UUID, **filters: Any) -> tuple[str, tuple[object, ...]]:
    """The statement that looks for newer jobs with these filters, and its arguments."""
    return listing.list_statement(
        listing.JobFilters(**filters),
        tenant_id=tenant_id,
        before=read.LAST_ID,
        limit=100,
        after=UUID(int=(FINISHED - 50) << 80),
        columns="id",
    )


def listed(tenant_id: UUID, **filters: Any) -> tuple[str, tuple[object, ...]]:
    """The statement that lists with these filters, and its arguments."""
    return listing.list_statement(
        listing.JobFilters(**filters), tenant_id=tenant_id, before=read.LAST_ID, limit=20
    )


@pytest.fixture
async def old_fleet(database: Database, tenant_id: UUID) -> Database:
    """A database with a long past and little to do."""
    async with database.connection() as connection:
        await connection.execute(SEED_FINISHED, tenant_id, FINISHED, timeout=PATIENCE_S)
        await connection.execute(SEED_OPEN, tenant_id, OPEN)
        await connection.execute(SEED_ATTEMPTS, UUID(int=50_000 << 80), timeout=PATIENCE_S)
        await connection.execute("VACUUM ANALYZE jobs, attempts", timeout=PATIENCE_S)
    return database


async def test_hot_statements_touch_few_pages(old_fleet: Database, tenant_id: UUID) -> None:
    queued = await old_fleet.fetchrow("SELECT id, dispatch FROM jobs WHERE state = 'queued' LIMIT 1")
    assert queued is not None
    second = timedelta(seconds=1)
    some = [queued["id"]]
    new = NewJob.of(RenderRequest(url="https://example.com/"), VAULT, tenant_id, idempotency_key="k")
    place = (datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0))
    filters: tuple[dict[str, Any], ...] = (
        {},
        {"state": State.FAILED},
        {"schedule_id": queued["id"]},
        {"is_quarantined": True},
        {"is_quarantined": False},
        {"state": State.FAILED, "is_quarantined": True},
        {"state": State.FAILED, "is_quarantined": False},
        {"since": MIDDLE, "until": MIDDLE + second},
        {"until": MIDDLE},
        *RARE,
        *({"state": State.SUCCEEDED, **one} for one in RARE),
        *({"state": State.QUEUED, **one} for one in RARE),
        *({"since": MIDDLE, **one} for one in RARE),
        {"error_type": ErrorType.CANCELLED},
        {"host": "rare.example", "format": "pdf"},
        {"host": "usual.example"},
        {"format": "png"},
    )
    statements: dict[str, tuple[object, ...]] = {
        claim._CLAIM: (queued["id"], queued["dispatch"], queued["id"], second, None),
        attempt._RENEW: (some, [1], second),
        claim._UNPARK: (tenant_id, 1),
        recover._EXPIRE: (100,),
        recover._FREE_PLACES: (None,),
        recover._NOT_SENT: (100,),
        recover._TAKE_BACK: (timedelta(0), 5, 3, "worker_lost", "lost"),
        recover._POSSIBLY_MISSING: (100, second, second * 60),
        recover._QUEUED_SINCE: (datetime(2000, 1, 1, tzinfo=UTC), 100),
        read._GET: (queued["id"], tenant_id),
        **dict(listed(tenant_id, **chosen) for chosen in filters),
        **dict(counted(tenant_id, **chosen) for chosen in filters),
        listing._NAMES: (tenant_id, 200),
        schedule_history._LAST: (tenant_id, some, 20, read.LAST_ID),
        attempt_history._LIST: (queued["id"], 100),
        read._COUNT_QUEUED: (tenant_id, 1000),
        changes._CHANGED_SINCE: ([tenant_id], LATELY - second * 60, 5_000),
        cancel._CANCEL: (queued["id"], tenant_id),
        read._CHANGED: (some, ["running"], [0]),
        read._GET_MANY: (some,),
        demand._OF_TENANTS: (None,),
        demand._DURATIONS: ([tenant_id], second * 900),
        waiting._THESE: (some,),
        waiting._OLDEST: (50,),
        waiting._HELD: (50,),
        usage._READ: (tenant_id,),
        bundles._IN_USE: (some,),
        retry._FIND: (queued["id"], tenant_id, ["failed"]),
        retry._INSERT: (queued["id"], tenant_id, ["queued"], *new),
        inserts._INSERT: new,
        inserts._INSERT_MANY: tuple([value] for value in new),
        accept._FIND_BY_IDEMPOTENCY_KEY: (tenant_id, "k"),
        accept_batch._FIND: (tenant_id, "k"),
        reuse._FIND: (tenant_id, b"\0", second * 3600, second * 30),
        reuse._KEEP: (tenant_id, b"\0", second * 3600, second),
        erase._ERASABLE: (*place, 20),
        erase._LOCK: (queued["id"], tenant_id),
        erase._MARK_ERASED: (some,),
        erase._ORPHANED: (second, *place, 0, 20),
        erase._MARK_ORPHANS_ERASED: (some, [1]),
        erase._FORGET_JOBS: (second * 3600, 20),
        erase._FORGET_BATCHES: (second, 20),
        record._COUNT: (LATELY - second * 60, LATELY),
        record._SAMPLE: (),
    }
    for sql, arguments in statements.items():
        touched = await pages_touched(old_fleet, sql, *arguments)
        assert touched <= MOST_PAGES, f"{touched} pages:\n{sql}"
    # The measure can fail: a statement that no index serves is caught.
    with pytest.raises(AssertionError, match="Seq Scan"):
        await pages_touched(old_fleet, "SELECT id FROM jobs WHERE request_digest = 'x'")


async def test_filters_together_touch_few_pages_of_jobs_that_are_all_new(
    database: Database, tenant_id: UUID
) -> None:
    async with database.connection() as connection:
        await connection.execute(SEED_FRESH, tenant_id, FRESH, timeout=PATIENCE_S)
        await connection.execute("ANALYZE jobs", timeout=PATIENCE_S)
    choices: dict[str, tuple[Any, ...]] = {
        "state": (None, State.FAILED, State.QUEUED, State.RUNNING, State.SUCCEEDED),
        "host": (None, "failed.example", "queued.example", "succeeded.example", "nowhere.example"),
        "error_type": (None, ErrorType.TLS_ERROR),
        "format": (None, "pdf", "webp"),
        "external_id": (None, "failed", "succeeded", "none"),
    }
    for chosen in product(*choices.values()):
        filters = dict(zip(choices, chosen, strict=True))
        sql, arguments = listed(tenant_id, **filters)
        touched = await pages_touched(database, sql, *arguments)
        assert touched <= MOST_PAGES_OF_INDEX, f"{touched} pages: {filters}"
    assert await pages_touched(database, waiting._HELD, 50) <= MOST_PAGES
