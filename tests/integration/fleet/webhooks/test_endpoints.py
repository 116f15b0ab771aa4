"""The addresses of webhooks: their secrets, and what ends the sending."""

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from fleet.vault import Purpose, SecretOwner, enrol
from fleet.webhooks import endpoints
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.data.vaults import VAULT
from tests.kit.servers.receiver import Receiver, answer
from tests.kit.stages.webhook_stage import WebhookStage, errors, redelivered, seconds_to_next_attempt


async def test_after_a_rotation_both_secrets_verify_for_a_day(hooks: WebhookStage, there: Receiver) -> None:
    old = await hooks.endpoint(there.url)
    new = await endpoints.rotate(hooks.database, VAULT, endpoint_id=old.id, tenant_id=hooks.tenant_id)
    assert new is not None
    assert new.secret != old.secret
    async with hooks.sender():
        await hooks.ended(there.url)
        [received] = await there.got()
        assert len(received.headers["webhook-signature"].split(" ")) == 2
        for secret in (old.secret, new.secret):
            Webhook(secret).verify(received.body, received.headers)
        await hooks.database.execute(
            "UPDATE webhook_endpoints SET previous_secret_until = previous_secret_until - interval '1 day'"
        )
        await hooks.ended(there.url)
        [_, later] = await there.got(2)
    Webhook(new.secret).verify(later.body, later.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old.secret).verify(later.body, later.headers)


async def test_addresses_that_differ_in_the_query_share_a_secret_and_others_do_not(
    hooks: WebhookStage,
) -> None:
    found = [
        await hooks.endpoint(url)
        for url in (
            "https://example.com/a",
            "https://example.com/a?x=%5c#y",
            "https://example.com/b",
            "https://example.com/" + "long/" * 1000,
        )
    ]
    assert found[0] == found[1]
    assert len({endpoint.secret for endpoint in found}) == 3


async def test_gone_ends_the_sending_until_the_owner_wants_more(hooks: WebhookStage, there: Receiver) -> None:
    there.behaviours = [answer(410), answer(200)]
    async with hooks.sender():
        first = await hooks.ended(there.url)
        message = await hooks.finished(first)
        assert (message.state, errors(message)) == (MessageState.FAILED, ["gone"])
        second = await hooks.ended(there.url)
        assert errors(await hooks.finished(second)) == ["endpoint_disabled"]
        assert len(there.received) == 1
        known = await endpoints.register(hooks.database, VAULT, tenant_id=hooks.tenant_id, url=there.url)
        assert known is not None
        assert (known[0].disabled_at, known[1]) == (None, False)
        third = await hooks.ended(there.url)
        assert (await hooks.finished(third)).state is MessageState.DELIVERED
        assert await redelivered(hooks, first, message)
        assert (await hooks.finished(first)).state is MessageState.DELIVERED


async def test_redelivery_enables_what_gone_had_disabled(hooks: WebhookStage, there: Receiver) -> None:
    there.behaviours = [answer(410), answer(200)]
    job = await hooks.ended(there.url)
    async with hooks.sender():
        message = await hooks.finished(job)
        assert await redelivered(hooks, job, message)
        assert (await hooks.finished(job)).state is MessageState.DELIVERED
    assert (await hooks.endpoint(there.url)).disabled_at is None


async def test_a_receiver_may_ask_for_patience(hooks: WebhookStage, there: Receiver) -> None:
    there.behaviours = [answer(429, "Retry-After: 3600")]
    job = await hooks.ended(there.url)
    async with hooks.sender():
        await hooks.attempted(job)
    assert 3500 < await seconds_to_next_attempt(hooks) <= 3600


async def test_deleting_an_endpoint_fails_what_waits_for_it(hooks: WebhookStage, there: Receiver) -> None:
    there.behaviours = [answer(500)]
    job = await hooks.ended(there.url)
    async with hooks.sender():
        await hooks.attempted(job)
    endpoint = await hooks.endpoint(there.url)
    reason = DeliveryError.ENDPOINT_DELETED
    for is_there in (True, False):
        assert is_there == await endpoints.delete(
            hooks.database, endpoint_id=endpoint.id, tenant_id=hooks.tenant_id, reason=reason
        )
    message = await hooks.message(job)
    assert (message.state, message.error) == (MessageState.FAILED, reason)
    assert (await hooks.endpoint(there.url)).secret != endpoint.secret


async def test_more_addresses_than_allowed_fail_with_a_word(hooks: WebhookStage, there: Receiver) -> None:
    await enrol(hooks.database, VAULT)
    await hooks.database.execute(
        "INSERT INTO webhook_endpoints (id, tenant_id, url, secret) "
        "SELECT gen_random_uuid(), $1, 'https://example.com/' || n, $2 FROM generate_series(1, 1000) n",
        hooks.tenant_id,
        VAULT.seal(b"whsec_", owner=SecretOwner(Purpose.WEBHOOK, hooks.tenant_id, "all of them")),
    )
    job = await hooks.ended(there.url)
    async with hooks.sender():
        message = await hooks.finished(job)
    assert (message.state, message.error) == (MessageState.FAILED, "too_many_endpoints")
    assert there.received == []
