"""Who sends which message when: claims, leases, waking, and what an operator sees of them."""

import json
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from fleet.database import Database
from fleet.webhooks import outbox
from fleet.webhooks.outbox import ClaimLimits, DeliveryError, Message, MessageState
from tests.kit.servers.receiver import Receiver, answer, silence
from tests.kit.stages.webhook_stage import WebhookStage, errors


async def test_a_claim_reads_little_however_long_the_lines_are(hooks: WebhookStage, there: Receiver) -> None:
    """20,000 messages due at one endpoint, 300 endpoints that wait: the wrong index reads 100 times more."""
    job = await hooks.ended(there.url)
    sql = """
        INSERT INTO webhook_outbox (job_id, tenant_id, url, next_attempt_at)
        SELECT $1, $2, 'https://example.com/' || $3 || n, now() + $5::interval
        FROM generate_series(1, $4::integer) AS n
    """
    ids = (job.id, hooks.tenant_id)
    await hooks.database.execute(sql, *ids, "?", 20_000, timedelta())
    await hooks.database.execute("ANALYZE webhook_outbox")  # so the planner believes in one endpoint alone
    await hooks.database.execute(sql, *ids, "", 300, timedelta(hours=1))
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {outbox._CLAIM}"  # noqa: SLF001 - the statement itself
    plan = json.loads(await hooks.database.fetchval(explain, timedelta(minutes=1), [], 32, 4, 16))[0]["Plan"]
    assert plan["Actual Rows"] == 5
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 5_000


async def test_two_senders_send_each_message_once(hooks: WebhookStage, there: Receiver) -> None:
    sent = [await hooks.ended(f"{there.url}/{number % 7}") for number in range(60)]
    async with hooks.sender(), hooks.sender():
        for job in sent:
            assert (await hooks.finished(job)).state is MessageState.DELIVERED
    assert len(there.ids) == len(set(there.ids)) == 60


async def test_a_sender_that_is_gone_before_it_could_record_has_its_message_sent_again(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence, answer(200)]
    job = await hooks.ended(there.url)
    async with hooks.sender() as lost:
        await there.got()
        for task in lost._message_of_task:  # noqa: SLF001 - as if its process had been killed
            task.cancel()
    assert (await hooks.message(job)).state is MessageState.PENDING
    await hooks.make_all_due()
    async with hooks.sender():
        message = await hooks.finished(job)
    assert errors(message) == ["sender_lost", None]
    assert there.ids == [str(message.id)] * 2


async def test_a_lease_keeps_others_away_and_a_late_failure_moves_nothing(
    hooks: WebhookStage, there: Receiver, database: Database
) -> None:
    job = await hooks.ended(there.url)
    limits = ClaimLimits(messages=9, of_endpoint=9, of_tenant=9)
    lease = timedelta(minutes=1)
    [first] = await outbox.claim(database, lease=lease, limits=limits)
    assert await outbox.claim(database, lease=lease, limits=limits) == []
    await hooks.make_all_due()
    [second] = await outbox.claim(database, lease=lease, limits=limits)
    await recorded(database, first, DeliveryError.HTTP_STATUS)
    assert (await hooks.message(job)).state is MessageState.PENDING
    # But what its receiver has taken is delivered, and no failure of a second copy changes that.
    await recorded(database, first, None)
    await recorded(database, second, DeliveryError.HTTP_STATUS)
    message = await hooks.message(job)
    assert (message.state, message.error) == (MessageState.DELIVERED, None)


async def recorded(database: Database, message: Message, error: DeliveryError | None) -> None:
    await outbox.record(
        database,
        message,
        state=MessageState.FAILED if error else MessageState.DELIVERED,
        status=500 if error else 200,
        duration_ms=1.0,
        error=error,
        delay=timedelta(),
    )


async def test_a_woken_sender_reads_the_outbox_at_once(hooks: WebhookStage, there: Receiver) -> None:
    first = await hooks.ended(there.url)
    async with hooks.sender(poll_s=60) as sender:
        await hooks.finished(first)  # its first look is behind it
        job = await hooks.ended(there.url)
        sender.wake()
        await hooks.finished(job)


async def test_logs_and_metrics_tell_failures_apart_and_no_secrets(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [answer(500), answer(200)]
    job = await hooks.ended(there.url + "?token=hidden")
    before = {word: counted(word) for word in ("retried", "delivered")}
    with capture_logs() as lines:
        async with hooks.sender():
            await hooks.attempted(job)
            await hooks.make_all_due()
            await hooks.finished(job)
    [line] = [line for line in lines if line["event"] == "webhook not delivered"]
    assert (line["error"], line["status"], line["outcome"]) == ("http_status", 500, "retried")
    assert not any(word in str(lines) for word in ("hidden", "whsec_", "/hooks"))
    assert {word: counted(word) - before[word] for word in before} == {"retried": 1, "delivered": 1}


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("renderfleet_webhooks_total", {"outcome": outcome}) or 0.0


async def test_overdue_tells_how_far_the_senders_are_behind(hooks: WebhookStage, there: Receiver) -> None:
    assert await outbox.overdue_s(hooks.database) == 0
    await hooks.ended(there.url)
    await hooks.database.execute("UPDATE webhook_outbox SET next_attempt_at = now() - interval '90 s'")
    assert await outbox.overdue_s(hooks.database) == pytest.approx(90, abs=5)
