"""The addresses of webhooks: their secrets, and what ends the sending."""

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from fleet.vault import Purpose, SecretOwner, enrol
from fleet.webhooks import endpoints
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.post_office import PostOffice, errors, redelivered, wait_s
from tests.kit.receiver import Receiver, answer
from tests.kit.vaults import VAULT


async def test_after_a_rotation_both_secrets_verify_for_a_day(office: PostOffice, there: Receiver) -> None:
    old = await office.endpoint(there.url)
    new = await endpoints.rotate(office.database, VAULT, endpoint_id=old.id, tenant_id=office.tenant_id)
    assert new is not None
    assert new.secret != old.secret
    async with office.sender():
        await office.ended(there.url)
        [received] = await there.got()
        assert len(received.headers["webhook-signature"].split(" ")) == 2
        for secret in (old.secret, new.secret):
            Webhook(secret).verify(received.body, received.headers)
        await office.database.execute(
            "UPDATE webhook_endpoints SET previous_secret_until = previous_secret_until - interval '1 day'"
        )
        await office.ended(there.url)
        [_, later] = await there.got(2)
    Webhook(new.secret).verify(later.body, later.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old.secret).verify(later.body, later.headers)


async def test_addresses_that_differ_in_the_query_share_a_secret_and_others_do_not(
    office: PostOffice,
) -> None:
    found = [
        await office.endpoint(url)
        for url in (
            "https://example.com/a",
            "https://example.com/a?x=%5c#y",
            "https://example.com/b",
            "https://example.com/" + "long/" * 1000,
        )
    ]
    assert found[0] == found[1]
    assert len({endpoint.secret for endpoint in found}) == 3


async def test_gone_ends_the_sending_until_the_owner_wants_more(office: PostOffice, there: Receiver) -> None:
    there.behaviours = [answer(410), answer(200)]
    async with office.sender():
        first = await office.ended(there.url)
        message = await office.over(first)
        assert (message.state, errors(message)) == (MessageState.FAILED, ["gone"])
        second = await office.ended(there.url)
        assert errors(await office.over(second)) == ["endpoint_disabled"]
        assert len(there.received) == 1
        known = await endpoints.register(office.database, VAULT, tenant_id=office.tenant_id, url=there.url)
        assert known is not None
        assert (known[0].disabled_at, known[1]) == (None, False)
        third = await office.ended(there.url)
        assert (await office.over(third)).state is MessageState.DELIVERED
        assert await redelivered(office, first, message)
        assert (await office.over(first)).state is MessageState.DELIVERED


async def test_redelivery_by_hand_enables_what_gone_had_disabled(office: PostOffice, there: Receiver) -> None:
    there.behaviours = [answer(410), answer(200)]
    job = await office.ended(there.url)
    async with office.sender():
        message = await office.over(job)
        assert await redelivered(office, job, message)
        assert (await office.over(job)).state is MessageState.DELIVERED
    assert (await office.endpoint(there.url)).disabled_at is None


async def test_a_receiver_may_ask_for_patience(office: PostOffice, there: Receiver) -> None:
    there.behaviours = [answer(429, "Retry-After: 3600")]
    job = await office.ended(there.url)
    async with office.sender():
        await office.settled(job)
    assert 3500 < await wait_s(office) <= 3600


async def test_deleting_an_endpoint_fails_what_waits_for_it(office: PostOffice, there: Receiver) -> None:
    there.behaviours = [answer(500)]
    job = await office.ended(there.url)
    async with office.sender():
        await office.settled(job)
    endpoint = await office.endpoint(there.url)
    reason = DeliveryError.ENDPOINT_DELETED
    for is_there in (True, False):
        assert is_there == await endpoints.delete(
            office.database, endpoint_id=endpoint.id, tenant_id=office.tenant_id, reason=reason
        )
    message = await office.message(job)
    assert (message.state, message.error) == (MessageState.FAILED, reason)
    assert (await office.endpoint(there.url)).secret != endpoint.secret


async def test_more_addresses_than_allowed_fail_with_a_word(office: PostOffice, there: Receiver) -> None:
    await enrol(office.database, VAULT)
    await office.database.execute(
        "INSERT INTO webhook_endpoints (id, tenant_id, url, secret) "
        "SELECT gen_random_uuid(), $1, 'https://example.com/' || n, $2 FROM generate_series(1, 1000) n",
        office.tenant_id,
        VAULT.seal(b"whsec_", owner=SecretOwner(Purpose.WEBHOOK, office.tenant_id, "all of them")),
    )
    job = await office.ended(there.url)
    async with office.sender():
        message = await office.over(job)
    assert (message.state, message.error) == (MessageState.FAILED, "too_many_endpoints")
    assert there.received == []
