"""Webhooks against a receiver that verifies them with the reference library, or does its worst."""

import asyncio
import contextlib
import json
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
import trustme
from prometheus_client import REGISTRY
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from fleet import endpoints, jobs, webhooks
from fleet.addresses import Address, AddressPolicy
from fleet.artifacts import Artifacts
from fleet.database import Pool
from fleet.jobs import State
from fleet.settings import StorageSettings, split_network
from fleet.webhooks import DeliveryError, Limits, Message, MessageRecord, MessageState
from tests.post_office import PostOffice
from tests.receiver import Behaviour, Receiver, answer, flood, hang_up, receiver, silence
from worker.webhooks.schedule import OFFSETS_S

MIB = 1024 * 1024


@pytest.fixture
async def office(
    database: Pool, storage_settings: StorageSettings, tenant_id: UUID
) -> AsyncIterator[PostOffice]:
    store = Artifacts(storage_settings)
    yield PostOffice(database, store, tenant_id)
    store.close()


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


def errors(message: MessageRecord) -> list[DeliveryError | None]:
    return [attempt.error for attempt in message.attempts]


async def wait_s(office: PostOffice) -> float:
    """Seconds until the next attempt."""
    sql = "SELECT extract(epoch FROM next_attempt_at - now()) FROM webhook_outbox WHERE state = 'pending'"
    return float(await office.database.fetchval(sql))


async def test_a_receiver_verifies_what_it_gets_with_the_reference_library(
    office: PostOffice, there: Receiver
) -> None:
    states = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED]
    ended = {(await office.ended(f"{there.url}?token={state}", state)).id: state for state in states}
    async with office.sender():
        await there.got(4)
    for received in there.received:
        payload = await office.verified(received, there.url)
        job_id = UUID(payload["data"]["id"])
        state = ended.pop(job_id)
        row = await jobs.get(office.database, job_id=job_id, tenant_id=office.tenant_id)
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
        message = await office.over(row)
        assert (message.state, errors(message)) == (MessageState.DELIVERED, [None])
        assert (message.attempts[0].status, str(message.id)) == (200, received.id)
    assert ended == {}


async def test_another_secret_or_another_body_does_not_verify(office: PostOffice, there: Receiver) -> None:
    await office.ended(there.url)
    async with office.sender():
        [received] = await there.got()
    secret = (await office.endpoint(there.url)).secret
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoints.new_secret()).verify(received.body, received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body.replace(b"succeeded", b"failed"), received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body, {**received.headers, "webhook-id": str(uuid4())})


async def test_the_outbox_is_filled_in_the_transaction_that_ends_the_job(
    office: PostOffice, there: Receiver
) -> None:
    job = await office.accepted(there.url)
    end = "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE id = $1"
    count = "SELECT count(*) FROM webhook_outbox WHERE job_id = $1"
    async with office.database.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(end, job.id)
        assert await connection.fetchval(count, job.id) == 1
        await transaction.rollback()
    assert await office.database.fetchval(count, job.id) == 0
    await office.database.execute(end, job.id)
    assert await office.database.fetchval(count, job.id) == 1


async def test_a_failing_receiver_is_tried_again_with_the_same_id_and_a_new_signature(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [answer(500), hang_up, answer(404), answer(204, body=b"")]
    job = await office.ended(there.url)
    async with office.sender():
        for attempt in range(1, 4):
            await office.settled(job, attempt=attempt)
            await office.time_passes()
        message = await office.over(job)
    assert message.state is MessageState.DELIVERED
    assert [attempt.status for attempt in message.attempts] == [500, None, 404, 204]
    assert errors(message) == ["http_status", "connection_failed", "http_status", None]
    assert there.ids == [str(message.id)] * 4
    for received in there.received:
        await office.verified(received, there.url)


async def test_a_receiver_that_fails_for_a_day_gets_ten_attempts_and_may_ask_for_more(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [answer(500)]
    job = await office.ended(there.url)
    waits = []
    async with office.sender():
        for attempt in range(1, 10):
            await office.settled(job, attempt=attempt)
            waits.append(await wait_s(office))
            await office.time_passes()
        message = await office.over(job)
        assert (message.state, message.error, message.next_attempt_at) == ("failed", "http_status", None)
        assert len(message.attempts) == len(there.received) == 10
        assert 21 * 3600 < sum(waits) <= 24 * 3600
        planned = [later - earlier for earlier, later in pairwise(OFFSETS_S)]
        for wait, most in zip(waits, planned, strict=True):
            assert 0.9 * most - 2 < wait <= most
        # By hand, with a schedule of its own.
        assert await redelivered(office, job, message)
        await office.settled(job, attempt=11)
        assert await wait_s(office) <= 5
        there.behaviours = [answer(200)]
        await office.time_passes()
        message = await office.over(job)
    assert (message.state, len(message.attempts)) == (MessageState.DELIVERED, 12)
    assert set(there.ids) == {str(message.id)}


async def redelivered(office: PostOffice, job: jobs.Job, message: MessageRecord) -> bool:
    return await webhooks.redeliver(
        office.database, message_id=message.id, job_id=job.id, tenant_id=job.tenant_id
    )


async def test_a_delivered_message_can_be_sent_again(office: PostOffice, there: Receiver) -> None:
    job = await office.ended(there.url)
    async with office.sender():
        message = await office.over(job)
        assert await redelivered(office, job, message)
        await there.got(2)
        message = await office.over(job)
    assert there.ids == [str(message.id)] * 2
    assert [attempt.attempt for attempt in message.attempts] == [1, 2]


async def test_what_is_being_sent_is_not_sent_a_second_time_on_demand(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [silence]
    job = await office.ended(there.url)
    async with office.sender(timeout_s=0.5):
        await there.got()
        assert await redelivered(office, job, await office.message(job))
        await office.settled(job)
    assert len(there.received) == 1


async def test_a_silent_receiver_costs_the_time_limit_and_no_more(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [silence]
    job = await office.ended(there.url)
    async with office.sender(timeout_s=0.5):
        message = await office.settled(job)
    assert errors(message) == ["timeout"]
    duration_ms = message.attempts[0].duration_ms
    assert duration_ms is not None
    assert 500 <= duration_ms < 5000


async def test_a_silent_receiver_with_a_long_line_holds_up_nobody_else(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [silence]
    for _ in range(40):
        await office.ended(there.url)
    async with receiver() as other, office.sender(timeout_s=60):
        await there.got(4)
        quick = [await office.ended(other.url) for _ in range(20)]
        for job in quick:
            assert (await office.over(job)).state is MessageState.DELIVERED
        assert len(there.received) == there.most_at_once == 4
        await there.close()


async def test_a_tenant_of_silent_receivers_leaves_room_for_others(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [silence]
    other_tenant = uuid4()
    await office.database.execute("INSERT INTO tenants (id, name) VALUES ($1, 'other')", other_tenant)
    for number in range(12):
        for _ in range(4):
            await office.ended(f"{there.url}/{number}")
    async with receiver() as other, office.sender():
        await there.got(16)
        job = await office.ended(other.url, tenant_id=other_tenant)
        await office.over(job)
        assert len(there.received) == 16  # of 48 that are due
        await there.close()


async def test_a_redirect_is_a_failure_and_nobody_follows_it(office: PostOffice, there: Receiver) -> None:
    async with receiver() as target, office.sender():
        there.behaviours = [answer(307, f"Location: {target.url}")]
        job = await office.ended(there.url)
        message = await office.settled(job)
        assert target.received == []
    assert (message.attempts[0].status, message.error) == (307, "redirected")
    assert message.state is MessageState.PENDING


GIGABYTE = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
BAD_ANSWERS: dict[str, tuple[Behaviour, DeliveryError | None]] = {
    "a gigabyte": (flood(GIGABYTE, b"x" * 65536), None),
    "a body that drips": (flood(GIGABYTE, b"x", pause_s=0.01), None),
    "the smallest chunks": (
        flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
        None,
    ),
    "an endless head": (
        flood(b"HTTP/1.1 200 OK\r\n", b"X-More: of it\r\n" * 4000),
        DeliveryError.ANSWER_INVALID,
    ),
    "one endless line": (flood(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), DeliveryError.ANSWER_INVALID),
    "a head that drips": (flood(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause_s=0.01), DeliveryError.TIMEOUT),
    "interim answers": (flood(b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 1000), DeliveryError.ANSWER_INVALID),
    "no http": (flood(b"", b"SSH-2.0-OpenSSH_9.2\r\n" * 1000), DeliveryError.ANSWER_INVALID),
}


async def test_bad_answers_take_little_time_and_memory(office: PostOffice) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ended = {}
        for kind, (behaviour, _) in BAD_ANSWERS.items():
            there = await stack.enter_async_context(receiver())
            there.behaviours = [behaviour]
            ended[kind] = await office.ended(there.url)
        await stack.enter_async_context(office.sender(timeout_s=3))
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        messages = {kind: await office.settled(job) for kind, job in ended.items()}
        _, peak_bytes = tracemalloc.get_traced_memory()
    assert {kind: errors(message)[0] for kind, message in messages.items()} == {
        kind: error for kind, (_, error) in BAD_ANSWERS.items()
    }
    for message in messages.values():
        assert (message.attempts[0].duration_ms or 0) < 5000
    # The receivers are in the same process and hold their own pieces.
    assert peak_bytes < 8 * MIB


async def test_an_address_that_may_not_be_reached_any_more_fails_for_good(
    office: PostOffice, there: Receiver
) -> None:
    job = await office.ended(there.url)
    async with office.sender(policy=AddressPolicy()):
        message = await office.over(job)
    assert (message.state, errors(message)) == (MessageState.FAILED, ["url_blocked"])
    assert there.received == []


class FakeDns:
    """What a name server answers is one of the few things that a test cannot have for real."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        return [ip_address(self.answers.pop(0))]


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(
    office: PostOffice, there: Receiver
) -> None:
    """A name that means another address at each look leads nowhere but to the first, and is judged anew."""
    there.behaviours = [answer(500)]
    dns = FakeDns("127.0.0.1", "10.0.0.1")
    job = await office.ended(f"http://hooks.example.com:{there.port}/")
    policy = AddressPolicy(allow=(split_network(f"127.0.0.1:{there.port}"),))
    async with office.sender(resolver=dns, policy=policy):
        await office.settled(job)
        assert dns.asked == ["hooks.example.com"]
        assert there.received[0].headers["host"] == f"hooks.example.com:{there.port}"
        await office.time_passes()
        message = await office.over(job)
    assert errors(message) == ["http_status", "url_blocked"]
    assert dns.asked == ["hooks.example.com"] * 2
    assert len(there.received) == 1


async def test_a_proxy_of_the_environment_is_not_used(
    office: PostOffice, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        job = await office.ended(there.url)
        async with office.sender():
            await office.over(job)
        assert (len(there.received), len(proxy.received)) == (1, 0)


async def test_the_certificate_must_hold_for_the_name(office: PostOffice) -> None:
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    cases = [
        ("hooks.example.com", trust, None),
        ("hooks.example.com", ssl.create_default_context(), "tls_error"),
        ("another.example.com", trust, "tls_error"),
        ("127.0.0.1", trust, "tls_error"),
    ]
    for name, trusted, error in cases:
        own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(own)
        async with receiver(own) as there:
            job = await office.ended(f"https://hooks.example.com:{there.port}/")
            async with office.sender(resolver=FakeDns("127.0.0.1"), tls=trusted):
                message = await office.settled(job)
            assert errors(message) == [error], (name, error)
            assert len(there.received) == (1 if error is None else 0)


async def test_plain_text_where_tls_was_expected_is_a_tls_error(office: PostOffice) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        job = await office.ended(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        async with office.sender():
            assert errors(await office.settled(job)) == ["tls_error"]


async def test_after_a_rotation_both_secrets_verify_for_a_day(office: PostOffice, there: Receiver) -> None:
    old = await office.endpoint(there.url)
    new = await endpoints.rotate(office.database, endpoint_id=old.id, tenant_id=office.tenant_id)
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
        known = await endpoints.register(office.database, tenant_id=office.tenant_id, url=there.url)
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
    await office.database.execute(
        "INSERT INTO webhook_endpoints (id, tenant_id, url, secret) "
        "SELECT gen_random_uuid(), $1, 'https://example.com/' || n, 'whsec_' FROM generate_series(1, 1000) n",
        office.tenant_id,
    )
    job = await office.ended(there.url)
    async with office.sender():
        message = await office.over(job)
    assert (message.state, message.error) == (MessageState.FAILED, "too_many_endpoints")
    assert there.received == []


async def test_a_claim_reads_little_however_long_the_lines_are(office: PostOffice, there: Receiver) -> None:
    """20,000 messages due at one endpoint, 300 endpoints that wait: the wrong index reads 100 times more."""
    job = await office.ended(there.url)
    sql = """
        INSERT INTO webhook_outbox (job_id, tenant_id, url, next_attempt_at)
        SELECT $1, $2, 'https://example.com/' || $3 || n, now() + $5::interval
        FROM generate_series(1, $4::integer) AS n
    """
    ids = (job.id, office.tenant_id)
    await office.database.execute(sql, *ids, "?", 20_000, timedelta())
    await office.database.execute("ANALYZE webhook_outbox")  # so the planner believes in one endpoint alone
    await office.database.execute(sql, *ids, "", 300, timedelta(hours=1))
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {webhooks._CLAIM}"  # noqa: SLF001 - the statement itself
    plan = json.loads(await office.database.fetchval(explain, timedelta(minutes=1), [], 32, 4, 16))[0]["Plan"]
    assert plan["Actual Rows"] == 5
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 5_000


async def test_two_senders_send_each_message_once(office: PostOffice, there: Receiver) -> None:
    sent = [await office.ended(f"{there.url}/{number % 7}") for number in range(60)]
    async with office.sender(), office.sender():
        for job in sent:
            assert (await office.over(job)).state is MessageState.DELIVERED
    assert len(there.ids) == len(set(there.ids)) == 60


async def test_a_sender_that_is_gone_before_it_could_record_has_its_message_sent_again(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [silence, answer(200)]
    job = await office.ended(there.url)
    async with office.sender() as lost:
        await there.got()
        for task in lost._under_way:  # noqa: SLF001 - as if its process had been killed
            task.cancel()
    assert (await office.message(job)).state is MessageState.PENDING
    await office.time_passes()
    async with office.sender():
        message = await office.over(job)
    assert errors(message) == ["sender_lost", None]
    assert there.ids == [str(message.id)] * 2


async def test_a_lease_keeps_others_away_and_a_late_failure_moves_nothing(
    office: PostOffice, there: Receiver, database: Pool
) -> None:
    job = await office.ended(there.url)
    limits = Limits(messages=9, of_endpoint=9, of_tenant=9)
    lease = timedelta(minutes=1)
    [first] = await webhooks.claim(database, lease=lease, limits=limits)
    assert await webhooks.claim(database, lease=lease, limits=limits) == []
    await office.time_passes()
    [second] = await webhooks.claim(database, lease=lease, limits=limits)
    await recorded(database, first, DeliveryError.HTTP_STATUS)
    assert (await office.message(job)).state is MessageState.PENDING
    # But what its receiver has taken is delivered, and no failure of a second copy changes that.
    await recorded(database, first, None)
    await recorded(database, second, DeliveryError.HTTP_STATUS)
    message = await office.message(job)
    assert (message.state, message.error) == (MessageState.DELIVERED, None)


async def recorded(database: Pool, message: Message, error: DeliveryError | None) -> None:
    await webhooks.record(
        database,
        message,
        state=MessageState.FAILED if error else MessageState.DELIVERED,
        status=500 if error else 200,
        duration_ms=1.0,
        error=error,
        delay=timedelta(),
    )


async def test_a_nudge_is_quicker_than_the_next_look(office: PostOffice, there: Receiver) -> None:
    first = await office.ended(there.url)
    async with office.sender(poll_s=60) as sender:
        await office.over(first)  # its first look is behind it
        job = await office.ended(there.url)
        sender.nudge()
        await office.over(job)


async def test_logs_and_metrics_tell_failures_apart_and_no_secrets(
    office: PostOffice, there: Receiver
) -> None:
    there.behaviours = [answer(500), answer(200)]
    job = await office.ended(there.url + "?token=hidden")
    before = {word: counted(word) for word in ("retried", "delivered")}
    with capture_logs() as lines:
        async with office.sender():
            await office.settled(job)
            await office.time_passes()
            await office.over(job)
    [line] = [line for line in lines if line["event"] == "webhook not delivered"]
    assert (line["error"], line["status"], line["outcome"]) == ("http_status", 500, "retried")
    assert not any(word in str(lines) for word in ("hidden", "whsec_", "/hooks"))
    assert {word: counted(word) - before[word] for word in before} == {"retried": 1, "delivered": 1}


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("renderfleet_webhooks_total", {"outcome": outcome}) or 0.0


async def test_overdue_tells_how_far_the_senders_are_behind(office: PostOffice, there: Receiver) -> None:
    assert await webhooks.overdue_s(office.database) == 0
    await office.ended(there.url)
    await office.database.execute("UPDATE webhook_outbox SET next_attempt_at = now() - interval '90 s'")
    assert await webhooks.overdue_s(office.database) == pytest.approx(90, abs=5)
