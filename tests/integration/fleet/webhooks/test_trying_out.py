"""Messages that try a webhook out: signed as others, sent once, and not kept for ever."""

import asyncio
from uuid import UUID

from fleet.webhooks import endpoints, outbox
from fleet.webhooks.endpoints import Endpoint
from fleet.webhooks.messages import MessageRecord, get
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.patience import PATIENCE_S
from tests.kit.servers.receiver import Receiver, answer
from tests.kit.stages.webhook_stage import WebhookStage, errors


async def asked(hooks: WebhookStage, endpoint: Endpoint) -> UUID:
    test_id = await outbox.add_test(hooks.database, endpoint_id=endpoint.id, tenant_id=hooks.tenant_id)
    assert test_id is not None
    return test_id


async def sent(hooks: WebhookStage, endpoint: Endpoint, test_id: UUID) -> MessageRecord:
    """The message, when it has ended."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await get(
                hooks.database, message_id=test_id, tenant_id=hooks.tenant_id, endpoint_id=endpoint.id
            )
            assert found is not None
            if found.state is not MessageState.PENDING:
                return found
            await asyncio.sleep(0.02)  # a changed row causes no event


async def kept(hooks: WebhookStage) -> set[UUID]:
    rows = await hooks.database.fetch("SELECT id FROM webhook_outbox WHERE job_id IS NULL")
    return {row["id"] for row in rows}


async def test_a_test_is_signed_as_any_message_and_looks_like_one(
    hooks: WebhookStage, there: Receiver
) -> None:
    endpoint = await hooks.endpoint(there.url)
    test_id = await asked(hooks, endpoint)
    async with hooks.sender(api_url="https://renders.example.com"):
        [received] = await there.got()
        message = await sent(hooks, endpoint, test_id)
    payload = await hooks.verified(received, there.url)
    assert (payload["type"], received.id, received.path) == ("webhook.test", str(test_id), "/hooks")
    await hooks.ended(there.url)
    async with hooks.sender():
        real = await hooks.verified((await there.got(2))[1], there.url)
    assert payload["data"].keys() == real["data"].keys()
    assert payload["data"]["links"] is None
    assert (message.state, message.job_id, message.attempts[0].status) == (MessageState.DELIVERED, None, 200)


async def test_a_test_is_sent_once_and_again_only_if_somebody_says_so(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [answer(500), answer(200)]
    endpoint = await hooks.endpoint(there.url)
    test_id = await asked(hooks, endpoint)
    async with hooks.sender():
        failed = await sent(hooks, endpoint, test_id)
        assert (failed.state, errors(failed)) == (MessageState.FAILED, [DeliveryError.HTTP_STATUS])
        assert await outbox.redeliver(
            hooks.database, message_id=test_id, job_id=None, tenant_id=hooks.tenant_id
        )
        await there.got(2)
        assert (await sent(hooks, endpoint, test_id)).state is MessageState.DELIVERED


async def test_a_test_enables_what_410_had_disabled(hooks: WebhookStage, there: Receiver) -> None:
    endpoint = await hooks.endpoint(there.url)
    await endpoints.disable(hooks.database, endpoint.id)
    test_id = await asked(hooks, endpoint)
    async with hooks.sender():
        assert (await sent(hooks, endpoint, test_id)).state is MessageState.DELIVERED
    assert (await hooks.endpoint(there.url)).disabled_at is None


async def test_only_the_newest_tests_are_kept_and_none_without_its_webhook(hooks: WebhookStage) -> None:
    endpoint = await hooks.endpoint("https://example.com/hooks")
    other = await hooks.endpoint("https://example.com/others")
    of_other = await asked(hooks, other)
    tests = [await asked(hooks, endpoint) for _ in range(outbox.TESTS_KEPT + 3)]
    assert await kept(hooks) == {*tests[3:], of_other}
    assert await endpoints.delete(
        hooks.database, endpoint_id=endpoint.id, tenant_id=hooks.tenant_id, reason="endpoint_deleted"
    )
    assert await kept(hooks) == {of_other}


async def test_a_test_that_is_being_sent_stays(hooks: WebhookStage, there: Receiver) -> None:
    endpoint = await hooks.endpoint(there.url)
    first = await asked(hooks, endpoint)
    await hooks.database.execute("UPDATE webhook_outbox SET sending_until = now() + interval '1 min'")
    for _ in range(outbox.TESTS_KEPT):
        await asked(hooks, endpoint)
    assert first in await kept(hooks)
