"""Webhooks against a receiver that verifies them with the reference library: what is sent, and how often."""

from datetime import datetime
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from fleet.jobs import read
from fleet.jobs.job import State
from fleet.webhooks import endpoints
from fleet.webhooks.outbox import MessageState
from tests.kit.servers.receiver import Receiver, answer, hang_up, silence
from tests.kit.stages.webhook_stage import WebhookStage, errors, redelivered, seconds_to_next_attempt
from worker.webhooks.retry_policy import OFFSETS_S


async def test_a_receiver_verifies_what_it_gets_with_the_reference_library(
    hooks: WebhookStage, there: Receiver
) -> None:
    states = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED]
    ended = {(await hooks.ended(f"{there.url}?token={state}", state)).id: state for state in states}
    async with hooks.sender():
        await there.got(4)
    for received in there.received:
        payload = await hooks.verified(received, there.url)
        job_id = UUID(payload["data"]["id"])
        state = ended.pop(job_id)
        row = await read.get(hooks.database, job_id=job_id, tenant_id=hooks.tenant_id)
        assert row is not None
        assert row.finished_at is not None
        assert payload["type"] == f"job.{state}"
        assert datetime.fromisoformat(payload["timestamp"]) == row.finished_at
        assert payload["data"]["status"] == state
        is_signed = "X-Amz-Signature=" in ((payload["data"]["artifact"] or {}).get("url") or "")
        assert is_signed == (state is State.SUCCEEDED)
        assert received.path == f"/hooks?token={state}"
        assert received.headers["content-type"] == "application/json"
        assert received.headers["user-agent"].startswith("renderfleet/")
        message = await hooks.finished(row)
        assert (message.state, errors(message)) == (MessageState.DELIVERED, [None])
        assert (message.attempts[0].status, str(message.id)) == (200, received.id)
    assert ended == {}


@pytest.mark.parametrize("api_url", ["https://renders.example.com/base", "https://renders.example.com/base/"])
async def test_links_are_addresses_that_the_receiver_can_call(
    hooks: WebhookStage, there: Receiver, api_url: str
) -> None:
    job = await hooks.ended(there.url)
    async with hooks.sender(api_url=api_url):
        [received] = await there.got()
    path = f"https://renders.example.com/base/v1/jobs/{job.id}"
    links = (await hooks.verified(received, there.url))["data"]["links"]
    artifact, events = f"{path}/artifact", f"{path}/events"
    assert links == {"self": path, "artifact": artifact, "evidence": None, "events": events}


async def test_there_are_no_links_where_nobody_has_said_what_the_apis_address_is(
    hooks: WebhookStage, there: Receiver
) -> None:
    await hooks.ended(there.url)
    async with hooks.sender():
        [received] = await there.got()
    assert (await hooks.verified(received, there.url))["data"]["links"] is None


async def test_another_secret_or_another_body_does_not_verify(hooks: WebhookStage, there: Receiver) -> None:
    await hooks.ended(there.url)
    async with hooks.sender():
        [received] = await there.got()
    secret = (await hooks.endpoint(there.url)).secret
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoints.new_secret()).verify(received.body, received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body.replace(b"succeeded", b"failed"), received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body, {**received.headers, "webhook-id": str(uuid4())})


async def test_the_outbox_is_filled_in_the_transaction_that_ends_the_job(
    hooks: WebhookStage, there: Receiver
) -> None:
    job = await hooks.accepted(there.url)
    end = "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE id = $1"
    count = "SELECT count(*) FROM webhook_outbox WHERE job_id = $1"
    async with hooks.database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(end, job.id)
        assert await connection.fetchval(count, job.id) == 1
        await transaction.rollback()
    assert await hooks.database.fetchval(count, job.id) == 0
    await hooks.database.execute(end, job.id)
    assert await hooks.database.fetchval(count, job.id) == 1


async def test_a_failing_receiver_is_tried_again_with_the_same_id_and_a_new_signature(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [answer(500), hang_up, answer(404), answer(204, body=b"")]
    job = await hooks.ended(there.url)
    async with hooks.sender():
        for attempt in range(1, 4):
            await hooks.attempted(job, attempt=attempt)
            await hooks.make_all_due()
        message = await hooks.finished(job)
    assert message.state is MessageState.DELIVERED
    assert [attempt.status for attempt in message.attempts] == [500, None, 404, 204]
    assert errors(message) == ["http_status", "connection_failed", "http_status", None]
    assert there.ids == [str(message.id)] * 4
    for received in there.received:
        await hooks.verified(received, there.url)


async def test_a_receiver_that_fails_for_a_day_gets_ten_attempts_and_may_ask_for_more(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [answer(500)]
    job = await hooks.ended(there.url)
    waits = []
    async with hooks.sender():
        for attempt in range(1, 10):
            await hooks.attempted(job, attempt=attempt)
            waits.append(await seconds_to_next_attempt(hooks))
            await hooks.make_all_due()
        message = await hooks.finished(job)
        assert (message.state, message.error, message.next_attempt_at) == ("failed", "http_status", None)
        assert len(message.attempts) == len(there.received) == 10
        assert 21 * 3600 < sum(waits) <= 24 * 3600
        planned = [later - earlier for earlier, later in pairwise(OFFSETS_S)]
        for wait, most in zip(waits, planned, strict=True):
            assert 0.9 * most - 2 < wait <= most
        # By hand, with a schedule of its own.
        assert await redelivered(hooks, job, message)
        await hooks.attempted(job, attempt=11)
        assert await seconds_to_next_attempt(hooks) <= 5
        there.behaviours = [answer(200)]
        await hooks.make_all_due()
        message = await hooks.finished(job)
    assert (message.state, len(message.attempts)) == (MessageState.DELIVERED, 12)
    assert set(there.ids) == {str(message.id)}


async def test_a_delivered_message_can_be_sent_again(hooks: WebhookStage, there: Receiver) -> None:
    job = await hooks.ended(there.url)
    async with hooks.sender():
        message = await hooks.finished(job)
        assert await redelivered(hooks, job, message)
        await there.got(2)
        message = await hooks.finished(job)
    assert there.ids == [str(message.id)] * 2
    assert [attempt.attempt for attempt in message.attempts] == [1, 2]


async def test_what_is_being_sent_is_not_sent_a_second_time_on_demand(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence]
    job = await hooks.ended(there.url)
    async with hooks.sender(timeout_s=0.5):
        await there.got()
        assert await redelivered(hooks, job, await hooks.message(job))
        await hooks.attempted(job)
    assert len(there.received) == 1
