"""The system's resolver, bounded in time and in threads."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from fleet.egress.public_addresses import Address
from worker.egress.outbound import resolver
from worker.egress.outbound.resolver import StillAskingError, SystemResolver

PUBLIC = ip_address("93.184.216.34")


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
        assert [isinstance(answer, StillAskingError) for answer in answers].count(True) == 2
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
