"""The straight way to a target: one look-up, every address judged, nothing dialled that was not."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy, Rule
from fleet.egress.public_addresses import Address
from worker.egress.outbound.name_cache import NameCache
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS, OwnPorts
from worker.egress.outbound.route import DirectRoute
from worker.egress.outbound.stream import Stream
from worker.egress.refusal import RefusalError
from worker.egress.verdicts import ConnectionOutcome, Verdict

PUBLIC, PUBLIC6, PRIVATE = (
    ip_address("93.184.216.34"),
    ip_address("2606:2800:220:1::1"),
    ip_address("10.0.0.1"),
)
LAPTOP = AddressPolicy(allow=(split_network("127.0.0.1:3000"),))


class FakeNet:
    """A name server that answers what a test wants, and a dialler that only writes down."""

    def __init__(self, answer: Sequence[Address] | OSError = ()) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.dialled: list[Address] = []

    async def resolve(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    async def dial(self, address: Address, _port: int) -> Stream:
        self.dialled.append(address)
        raise ConnectionRefusedError

    async def verdict(self, url: str, policy: AddressPolicy) -> Verdict:
        """What comes of a connection to an address that the policy has let through by its spelling."""
        route = DirectRoute(NameCache(self.resolve), OwnPorts(), self.dial, timeout_s=5)
        with pytest.raises(RefusalError) as caught:
            await route.open(policy.inspect(url), policy)
        return caught.value.verdict


async def test_a_public_name_is_dialled_after_one_lookup_at_all_its_addresses() -> None:
    net = FakeNet([PUBLIC, PUBLIC6])
    assert await net.verdict("https://Example.com/", AddressPolicy()) == Verdict(ConnectionOutcome.FAILED)
    assert net.asked == ["example.com"]
    assert net.dialled == [PUBLIC, PUBLIC6]


async def test_an_address_is_not_looked_up() -> None:
    net = FakeNet()
    for url in ("http://127.1:3000/", f"http://[{PUBLIC6}]/"):
        assert await net.verdict(url, LAPTOP) == Verdict(ConnectionOutcome.FAILED)
    assert net.dialled == [ip_address("127.0.0.1"), PUBLIC6]
    assert net.asked == []


@pytest.mark.parametrize(
    "answer", [[PRIVATE], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PUBLIC, ip_address("::1")]]
)
async def test_one_private_address_is_enough(answer: list[Address]) -> None:
    net = FakeNet(answer)
    assert await net.verdict("http://example.com/", AddressPolicy()) == Verdict(
        ConnectionOutcome.BLOCKED, Rule.HOST
    )
    assert net.dialled == []


async def test_private_names_are_judged_by_all_their_addresses_where_something_is_open() -> None:
    net = FakeNet([ip_address("127.0.0.1")])
    assert (await net.verdict("http://localhost:3000/", LAPTOP)).outcome is ConnectionOutcome.FAILED
    assert net.asked == ["localhost"]
    net.answer = [ip_address("127.0.0.1"), ip_address("::1")]
    assert (await net.verdict("http://localhost:3000/", LAPTOP)).outcome is ConnectionOutcome.BLOCKED
    assert net.dialled == [ip_address("127.0.0.1")]


async def test_a_port_that_is_open_elsewhere_stays_closed_at_public_addresses() -> None:
    found = await FakeNet([PUBLIC]).verdict("http://example.com:3000/", LAPTOP)
    assert found == Verdict(ConnectionOutcome.BLOCKED, Rule.PORT)


async def test_the_browsers_controls_stay_shut_whatever_is_open() -> None:
    policy = AddressPolicy(allow=(split_network("127.0.0.0/8"),))
    net = FakeNet()
    url = f"http://127.0.0.1:{DEVTOOLS_PORTS[0]}/json/new"
    assert await net.verdict(url, policy) == Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)
    assert net.dialled == []
    assert (await net.verdict("http://127.0.0.1:8000/", policy)).outcome is ConnectionOutcome.FAILED


@pytest.mark.parametrize("answer", [[], socket.gaierror(socket.EAI_NONAME, "secret.corp"), TimeoutError()])
async def test_a_name_without_address(answer: Sequence[Address] | OSError) -> None:
    found = await FakeNet(answer).verdict("http://example.com/", AddressPolicy())
    assert found == Verdict(ConnectionOutcome.NOT_RESOLVED)
