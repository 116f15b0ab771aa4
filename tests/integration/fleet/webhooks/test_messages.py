"""Messages as their owners read them: of an endpoint with many, a page costs no more than of one with few."""

import json
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.webhooks import messages
from fleet.webhooks.messages import MessagePlace
from fleet.webhooks.outbox import DeliveryError, MessageState

URL = "https://example.com/hooks"
OTHER = "https://example.com/other"
MANY = 10_000
_JOB = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state)
    VALUES ($1, $2, '{}', '\\x00', 3, 'queued')
"""
# All of one batch have the same time, as jobs that end in one statement have.
_MESSAGES = """
    INSERT INTO webhook_outbox (job_id, tenant_id, url, state, error, ended_at, created_at)
    SELECT $1, $2, $3 || '?n=' || n, CASE WHEN n % 5 = 0 THEN 'failed' ELSE 'delivered' END,
           CASE WHEN n % 5 = 0 THEN 'timeout' END, now(), now() - (n / 10) * interval '1 second'
    FROM generate_series(1, $4::integer) AS n
"""
MOST_PAGES = 600


async def pages_of(database: Database, sql: str, *arguments: object) -> int:
    text = await database.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
    plan = json.loads(text)[0]["Plan"]
    assert "Seq Scan" not in text.replace("Seq Scan on asked", ""), text
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.fixture
async def messages_of(database: Database, tenant_id: UUID) -> Database:
    job_id = UUID(int=7)
    await database.execute(_JOB, job_id, tenant_id)
    await database.execute(_MESSAGES, job_id, tenant_id, URL, MANY)
    await database.execute(_MESSAGES, job_id, tenant_id, OTHER, 3)
    await database.execute("ANALYZE webhook_outbox")
    return database


async def test_pages_of_messages_have_each_of_them_once(messages_of: Database, tenant_id: UUID) -> None:
    database = messages_of
    after, seen, states = None, [], set()
    for _ in range(4):
        page = await messages.list_of_endpoint(
            database, tenant_id=tenant_id, url=URL, state=None, after=after, limit=25
        )
        seen += [line.id for line in page]
        states |= {(line.state, line.error) for line in page}
        after = MessagePlace(page[-1].created_at, page[-1].id)
    assert len(set(seen)) == 100
    assert states == {(MessageState.DELIVERED, None), (MessageState.FAILED, DeliveryError.TIMEOUT)}
    failed = await messages.list_of_endpoint(
        database, tenant_id=tenant_id, url=f"{OTHER}?x", state=MessageState.FAILED, after=None, limit=25
    )
    assert failed == []
    nobody = await messages.list_of_endpoint(
        database, tenant_id=UUID(int=1), url=URL, state=None, after=None, limit=25
    )
    assert nobody == []


async def test_rates_are_those_of_the_newest_messages(messages_of: Database, tenant_id: UUID) -> None:
    rates = await messages.delivery_rates(
        messages_of, tenant_id=tenant_id, urls=[URL, OTHER, "https://example.com/none"]
    )
    assert (rates[URL].ended, rates[URL].pending) == (messages.RATE_OF, 0)
    assert rates[URL].failed == pytest.approx(messages.RATE_OF / 5, abs=2)
    assert rates[URL].last_error is DeliveryError.TIMEOUT
    assert (rates[OTHER].delivered, rates[OTHER].failed, rates[OTHER].last_error) == (3, 0, None)
    assert rates["https://example.com/none"].last_at is None


async def test_a_page_reads_little_however_many_messages_there_are(
    messages_of: Database, tenant_id: UUID
) -> None:
    for sql, arguments in {
        messages._NEWEST: (tenant_id, URL, None, None, None, 50),  # noqa: SLF001 - the statement itself
        messages._RATES: (tenant_id, [URL, OTHER], messages.RATE_OF),  # noqa: SLF001
    }.items():
        touched = await pages_of(messages_of, sql, *arguments)
        assert touched <= MOST_PAGES, f"{touched} pages: {sql}"
