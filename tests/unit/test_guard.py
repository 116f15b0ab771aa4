import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from fleet.addresses import Address, AddressPolicy, Rule
from fleet.errors import ErrorType, RenderError
from fleet.networks import split_network
from worker.egress import resolver
from worker.egress.guard import Guard
from worker.egress.resolver import SystemResolver

PUBLIC, PUBLIC6, PRIVATE = (
    ip_address("93.184.216.34"),
    ip_address("2606:2800:220:1::1"),
    ip_address("10.0.0.1"),
)
LAPTOP = AddressPolicy(allow=(split_network("127.0.0.1:3000"),))


class FakeDns:
    """What a name server answers is one of the few things that a test cannot have for real."""

    def __init__(self, answer: Sequence[Address] | OSError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def refusal(answer: Sequence[Address] | OSError, url: str, policy: AddressPolicy) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await Guard(policy, FakeDns(answer)).admit(url)
    return caught.value


async def test_a_public_name_passes_after_one_lookup() -> None:
    dns = FakeDns([PUBLIC, PUBLIC6])
    assert await Guard(AddressPolicy(), dns).admit("https://Example.com/") == (PUBLIC, PUBLIC6)
    assert dns.asked == ["example.com"]


async def test_an_address_is_not_looked_up() -> None:
    dns = FakeDns([])
    guard = Guard(LAPTOP, dns)
    assert await guard.admit("http://127.1:3000/") == (ip_address("127.0.0.1"),)
    assert await guard.admit(f"http://[{PUBLIC6}]/") == (PUBLIC6,)
    assert dns.asked == []


@pytest.mark.parametrize(
    "answer", [[PRIVATE], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PUBLIC, ip_address("::1")]]
)
async def test_one_private_address_is_enough_and_is_not_told(answer: list[Address]) -> None:
    error = await refusal(answer, "http://example.com/", AddressPolicy())
    assert (error.type, error.detail) == (ErrorType.URL_BLOCKED, Rule.HOST.value)
    assert not any(str(address) in str(error) for address in answer)


async def test_private_names_are_refused_without_asking_or_by_their_addresses() -> None:
    dns = FakeDns([ip_address("127.0.0.1")])
    with pytest.raises(RenderError):
        await Guard(AddressPolicy(), dns).admit("http://localhost/")
    assert dns.asked == []
    await Guard(LAPTOP, dns).admit("http://localhost:3000/")
    assert dns.asked == ["localhost"]
    both = [ip_address("127.0.0.1"), ip_address("::1")]
    assert (await refusal(both, "http://localhost:3000/", LAPTOP)).type == ErrorType.URL_BLOCKED


async def test_a_port_that_is_open_elsewhere_stays_closed_at_public_addresses() -> None:
    error = await refusal([PUBLIC], "http://example.com:3000/", LAPTOP)
    assert (error.type, error.detail) == (ErrorType.URL_BLOCKED, Rule.PORT.value)


@pytest.mark.parametrize("answer", [[], socket.gaierror(socket.EAI_NONAME, "secret.corp"), TimeoutError()])
async def test_a_name_without_address(answer: Sequence[Address] | OSError) -> None:
    error = await refusal(answer, "http://example.com/", AddressPolicy())
    assert error.type == ErrorType.NAME_NOT_RESOLVED
    assert "secret" not in error.detail
    assert not error.retryable


async def test_what_is_no_address_is_an_invalid_request() -> None:
    assert (await refusal([PUBLIC], "nonsense", AddressPolicy())).type == ErrorType.INVALID_REQUEST


async def test_the_system_resolves_numbers_and_its_own_name() -> None:
    resolve = SystemResolver(timeout_s=30)
    assert await resolve("192.0.2.7") == (ip_address("192.0.2.7"),)
    assert ip_address("127.0.0.1") in await resolve("localhost")


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a." * 200 + "invalid", "a..b.invalid"])
async def test_names_that_cannot_be_asked_for_do_not_resolve(host: str) -> None:
    """Python's own IDNA codec would raise UnicodeError for these."""
    with pytest.raises(socket.gaierror):
        await SystemResolver(timeout_s=30)(host)


async def test_a_silent_name_server_holds_its_thread_but_not_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    silence, asked = threading.Event(), []

    def silent(host: str) -> Sequence[Address]:
        asked.append(host)
        silence.wait(30)
        return (PUBLIC,)

    monkeypatch.setattr(resolver, "_look_up", silent)
    resolve = SystemResolver(timeout_s=0.05, threads=2)
    try:
        answers = await asyncio.gather(*(resolve(f"{n}.test") for n in range(6)), return_exceptions=True)
        assert all(isinstance(answer, TimeoutError) for answer in answers)
        assert len(asked) == 2, "more threads than allowed"
    finally:
        silence.set()
    # The threads come back: the same resolver answers again.
    patient = asyncio.create_task(_until_answered(resolve))
    assert await asyncio.wait_for(patient, 30) == (PUBLIC,)


async def _until_answered(resolve: SystemResolver) -> Sequence[Address]:
    while True:
        try:
            return await resolve("late.test")
        except TimeoutError:
            continue
