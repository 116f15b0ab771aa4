"""Claim, sweep, list and status stay flat however many jobs have finished.

Not a timed test: with 300,000 finished jobs, each statement must touch a handful of pages. A sequential scan
would touch thousands, at ten million finished jobs as many times more.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.jobs import (
    accept,
    accept_batch,
    attempt,
    cancel,
    claim,
    erase,
    read,
    recover,
    retry,
    reuse,
)
from fleet.jobs.insert import NewJob
from fleet.jobs.job import State
from fleet.render.request import RenderRequest
from fleet.tenants import usage
from tests.kit.vaults import VAULT

FINISHED = 300_000
OPEN = 200
MOST_PAGES = 400

# Of ten, nine are erased; the tenth is due, or will be.
SEED_FINISHED = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, finished_at, artifact_key,
                      erase_at, artifact_erased_at, render_digest)
    SELECT (lpad(to_hex(n), 12, '0') || '7000800000000000' || lpad(to_hex(n % 16), 4, '0'))::uuid, $1, '{}',
           '\\x00', 3, 'succeeded', now() - n * interval '1 s', 'k', now() + (100 - n) * interval '1 s',
           CASE WHEN n % 10 > 0 THEN now() END, '\\x00'
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


def listing(tenant_id: UUID, **filters: Any) -> tuple[str, tuple[object, ...]]:
    """The statement that lists with these filters, and its arguments."""
    sql, values = read.list_statement(**filters)
    return sql, (tenant_id, read.LAST_ID, 20, *values)


@pytest.fixture
async def old_fleet(database: Database, tenant_id: UUID) -> Database:
    """A database with a long past and little to do."""
    async with database.connection() as connection:
        await connection.execute(SEED_FINISHED, tenant_id, FINISHED, timeout=60)
        await connection.execute(SEED_OPEN, tenant_id, OPEN)
        await connection.execute(SEED_ATTEMPTS, UUID(int=50_000 << 80), timeout=60)
        await connection.execute("VACUUM ANALYZE jobs, attempts", timeout=60)
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
        **dict(listing(tenant_id, **chosen) for chosen in filters),
        read._COUNT_QUEUED: (tenant_id, 1000),
        cancel._CANCEL: (queued["id"], tenant_id),
        read._CHANGED: (some, ["running"], [0]),
        read._GET_MANY: (some,),
        read._BACKLOG: (),
        usage._READ: (tenant_id,),
        retry._FIND: (queued["id"], tenant_id, ["failed"]),
        retry._INSERT: (queued["id"], tenant_id, ["queued"], *new),
        accept._INSERT: new,
        accept._FIND_BY_IDEMPOTENCY_KEY: (tenant_id, "k"),
        accept_batch._FIND: (tenant_id, "k"),
        reuse._FIND: (tenant_id, b"\0", second * 3600, second * 30),
        reuse._KEEP: (tenant_id, b"\0", second * 3600, second),
        erase._ERASABLE: (*place, 20),
        erase._MARK_ERASED: (some,),
        erase._ORPHANED: (second, *place, 0, 20),
        erase._MARK_ORPHANS_ERASED: (some, [1]),
        erase._FORGET_JOBS: (second * 3600, 20),
        erase._FORGET_BATCHES: (second, 20),
    }
    for sql, arguments in statements.items():
        touched = await pages_touched(old_fleet, sql, *arguments)
        assert touched <= MOST_PAGES, f"{touched} pages:\n{sql}"


async def test_the_measure_can_fail(old_fleet: Database) -> None:
    """A statement that no index serves is caught."""
    with pytest.raises(AssertionError, match="Seq Scan"):
        await pages_touched(old_fleet, "SELECT id FROM jobs WHERE external_id = 'x'")
