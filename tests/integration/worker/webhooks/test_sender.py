"""Webhooks to receivers that do their worst, and to addresses that turn out to be others."""

import asyncio
import contextlib
import ssl
import tracemalloc
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TypeAlias
from uuid import uuid4

import pytest
import trustme

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy
from fleet.egress.public_addresses import Address
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.patience import PATIENCE_S
from tests.kit.servers.receiver import Behaviour, Receiver, answer, flood, receiver, silence
from tests.kit.stages.webhook_stage import WebhookStage, errors

MIB = 1024 * 1024


async def test_a_silent_receiver_costs_the_time_limit_and_no_more(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence]
    job = await hooks.ended(there.url)
    async with hooks.sender(timeout_s=0.5):
        message = await hooks.attempted(job)
    assert errors(message) == ["timeout"]
    duration_ms = message.attempts[0].duration_ms
    assert duration_ms is not None
    assert 500 <= duration_ms < 5000


async def test_a_silent_receiver_with_a_long_line_holds_up_nobody_else(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence]
    for _ in range(40):
        await hooks.ended(there.url)
    async with receiver() as other, hooks.sender(timeout_s=60):
        await there.got(4)
        quick = [await hooks.ended(other.url) for _ in range(20)]
        for job in quick:
            assert (await hooks.finished(job)).state is MessageState.DELIVERED
        assert len(there.received) == there.most_at_once == 4
        await there.close()


async def test_a_tenant_of_silent_receivers_leaves_room_for_others(
    hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence]
    other_tenant = uuid4()
    await hooks.database.execute("INSERT INTO tenants (id, name) VALUES ($1, 'other')", other_tenant)
    for number in range(12):
        for _ in range(4):
            await hooks.ended(f"{there.url}/{number}")
    async with receiver() as other, hooks.sender():
        await there.got(16)
        job = await hooks.ended(other.url, tenant_id=other_tenant)
        await hooks.finished(job)
        assert len(there.received) == 16  # of 48 that are due
        await there.close()


async def test_a_redirect_is_a_failure_and_nobody_follows_it(hooks: WebhookStage, there: Receiver) -> None:
    async with receiver() as target, hooks.sender():
        there.behaviours = [answer(307, f"Location: {target.url}")]
        job = await hooks.ended(there.url)
        message = await hooks.attempted(job)
        assert target.received == []
    assert (message.attempts[0].status, message.error) == (307, "redirected")
    assert message.state is MessageState.PENDING


GIGABYTE = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
BadAnswer: TypeAlias = tuple[Behaviour, DeliveryError | None]
ENDLESS: dict[str, BadAnswer] = {
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
    "interim answers": (flood(b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 1000), DeliveryError.ANSWER_INVALID),
    "no http": (flood(b"", b"SSH-2.0-OpenSSH_9.2\r\n" * 1000), DeliveryError.ANSWER_INVALID),
}
SLOW: dict[str, BadAnswer] = {
    "a head that drips": (flood(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause_s=0.01), DeliveryError.TIMEOUT),
}


@pytest.mark.parametrize(
    ("bad_answers", "timeout_s"),
    # The endless ones are over because of their size, however long the sender would wait.
    [(ENDLESS, 10 * PATIENCE_S), (SLOW, 0.5)],
    ids=["endless", "slow"],
)
async def test_bad_answers_take_little_time_and_memory(
    hooks: WebhookStage, bad_answers: dict[str, BadAnswer], timeout_s: float
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ended = {}
        for kind, (behaviour, _) in bad_answers.items():
            there = await stack.enter_async_context(receiver())
            there.behaviours = [behaviour]
            ended[kind] = await hooks.ended(there.url)
        await stack.enter_async_context(hooks.sender(timeout_s=timeout_s))
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        messages = {kind: await hooks.attempted(job) for kind, job in ended.items()}
        _, peak_bytes = tracemalloc.get_traced_memory()
    assert {kind: errors(message)[0] for kind, message in messages.items()} == {
        kind: error for kind, (_, error) in bad_answers.items()
    }
    # The receivers are in the same process and hold their own pieces.
    assert peak_bytes < 8 * MIB


async def test_an_address_that_may_not_be_reached_any_more_fails_for_good(
    hooks: WebhookStage, there: Receiver
) -> None:
    job = await hooks.ended(there.url)
    async with hooks.sender(policy=AddressPolicy()):
        message = await hooks.finished(job)
    assert (message.state, errors(message)) == (MessageState.FAILED, ["url_blocked"])
    assert there.received == []


async def test_a_tenants_own_lists_hold_for_its_webhooks(hooks: WebhookStage, there: Receiver) -> None:
    lists = "UPDATE tenants SET egress_allow = $1, egress_deny = $2"
    await hooks.database.execute(lists, ["127.0.0.1"], [])
    opened = await hooks.ended(there.url)
    async with hooks.sender(policy=AddressPolicy()):
        message = await hooks.finished(opened)
        assert (message.state, len(there.received)) == (MessageState.DELIVERED, 1)
        await hooks.database.execute(lists, ["127.0.0.1"], [f"127.0.0.1:{there.port}"])
        message = await hooks.finished(await hooks.ended(there.url))
    assert (message.state, errors(message)) == (MessageState.FAILED, ["url_blocked"])
    assert len(there.received) == 1


class FakeDns:
    """What a name server answers is one of the few things that a test cannot have for real."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        return [ip_address(self.answers.pop(0))]


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(
    hooks: WebhookStage, there: Receiver
) -> None:
    """A name that means another address at each look leads nowhere but to the first, and is judged anew."""
    there.behaviours = [answer(500)]
    dns = FakeDns("127.0.0.1", "10.0.0.1")
    job = await hooks.ended(f"http://hooks.example.com:{there.port}/")
    policy = AddressPolicy(allow=(split_network(f"127.0.0.1:{there.port}"),))
    async with hooks.sender(resolver=dns, policy=policy):
        await hooks.attempted(job)
        assert dns.asked == ["hooks.example.com"]
        assert there.received[0].headers["host"] == f"hooks.example.com:{there.port}"
        await hooks.make_all_due()
        message = await hooks.finished(job)
    assert errors(message) == ["http_status", "url_blocked"]
    assert dns.asked == ["hooks.example.com"] * 2
    assert len(there.received) == 1


async def test_a_proxy_of_the_environment_is_not_used(
    hooks: WebhookStage, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        job = await hooks.ended(there.url)
        async with hooks.sender():
            await hooks.finished(job)
        assert (len(there.received), len(proxy.received)) == (1, 0)


async def test_the_certificate_must_hold_for_the_name(hooks: WebhookStage) -> None:
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    cases = [
        ("hooks.example.com", trust, None),
        ("hooks.example.com", None, "tls_error"),  # as the system trusts
        ("another.example.com", trust, "tls_error"),
        ("127.0.0.1", trust, "tls_error"),
    ]
    for name, trusted, error in cases:
        own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(own)
        async with receiver(own) as there:
            job = await hooks.ended(f"https://hooks.example.com:{there.port}/")
            async with hooks.sender(resolver=FakeDns("127.0.0.1"), tls=trusted):
                message = await hooks.attempted(job)
            assert errors(message) == [error], (name, error)
            assert len(there.received) == (1 if error is None else 0)


async def test_plain_text_where_tls_was_expected_is_a_tls_error(hooks: WebhookStage) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        job = await hooks.ended(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        async with hooks.sender():
            assert errors(await hooks.attempted(job)) == ["tls_error"]
