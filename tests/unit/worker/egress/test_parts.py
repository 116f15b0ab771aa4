"""Parts of the egress proxy: the order of addresses, shared look-ups, the worker's own ports, settings."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from fleet.egress.policy import Rule
from fleet.egress.public_addresses import Address
from worker.egress.outbound.dial import interleave
from worker.egress.outbound.name_cache import MAX_LOOKUPS, MAX_NAMES, NameCache
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS, OwnPorts
from worker.egress.outbound.resolver import StillAskingError
from worker.egress.outbound.service_client import ServiceAddress
from worker.egress.refusal import read_status, tunnel_refusal
from worker.egress.verdicts import MAX_REMEMBERED, ConnectionOutcome, PortRecord, Verdict
from worker.settings import SERVICE_URL

A4, B4 = ip_address("93.184.216.34"), ip_address("93.184.216.35")
A6, B6 = ip_address("2606:2800:220:1::1"), ip_address("2606:2800:220:1::2")


@pytest.mark.parametrize(
    ("found", "ordered"),
    [
        ([A6, B6, A4, B4], [A6, A4, B6, B4]),
        ([A4, B4, A6], [A4, A6, B4]),
        ([A4, B4], [A4, B4]),
        ([A6], [A6]),
    ],
)
def test_families_take_turns_and_the_systems_first_stays_first(
    found: list[Address], ordered: list[Address]
) -> None:
    assert interleave(found) == ordered


class SlowDns:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.busy = self.most = 0
        self.may_answer = asyncio.Event()

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await self.may_answer.wait()
        self.busy -= 1
        return [A4]


async def test_a_page_has_a_few_lookups_at_once_and_the_others_wait() -> None:
    names = NameCache(dns := SlowDns())
    asking = [asyncio.create_task(names.addresses(f"{number}.example.com")) for number in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    dns.may_answer.set()
    assert await asyncio.gather(*asking) == [(A4,)] * 20
    assert dns.most == MAX_LOOKUPS


async def test_names_without_an_answer_never_take_all_threads_from_other_pages() -> None:
    asked: dict[str, asyncio.Future[Sequence[Address]]] = {}

    async def silent(host: str) -> Sequence[Address]:
        asked[host] = asyncio.get_running_loop().create_future()
        raise StillAskingError(asked[host])

    names = NameCache(silent)
    asking = [asyncio.create_task(names.addresses(f"{number}.test")) for number in range(2 * MAX_LOOKUPS)]
    first, others = asking[:MAX_LOOKUPS], asking[MAX_LOOKUPS:]
    assert await asyncio.gather(*first) == [()] * MAX_LOOKUPS
    await asyncio.wait(others, timeout=0.05)
    assert len(asked) == MAX_LOOKUPS, "the time was over, the threads were not"
    for end in tuple(asked.values()):
        end.set_result([])
    assert await asyncio.gather(*others) == [()] * MAX_LOOKUPS


async def test_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    names = NameCache(dns := SlowDns())
    first, second = (asyncio.create_task(names.addresses("example.com")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    dns.may_answer.set()
    assert await second == (A4,)
    assert dns.asked == ["example.com"]


async def test_an_answer_is_shared_for_a_moment_and_names_are_not_kept_without_number() -> None:
    dns = SlowDns()
    dns.may_answer.set()
    names = NameCache(dns)
    for number in range(2 * MAX_NAMES):
        await names.addresses(f"{number}.example.com")
    await names.addresses(f"{2 * MAX_NAMES - 1}.example.com")
    assert len(dns.asked) == 2 * MAX_NAMES
    await names.addresses("0.example.com")  # forgotten
    assert len(dns.asked) == 2 * MAX_NAMES + 1


async def test_after_a_moment_a_name_is_asked_again() -> None:
    dns = SlowDns()
    dns.may_answer.set()
    names = NameCache(dns, shared_s=0)
    await names.addresses("example.com")
    await names.addresses("example.com")
    assert dns.asked == ["example.com"] * 2


def test_own_ports_are_those_of_this_machine_at_all_its_addresses() -> None:
    own = OwnPorts((8077, 0))
    for port in (8077, DEVTOOLS_PORTS[0], DEVTOOLS_PORTS[-1]):
        for text in ("127.0.0.1", "127.8.9.10", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"):
            assert own.has(ip_address(text), port), (text, port)
        assert not own.has(A4, port)
    assert not own.has(ip_address("127.0.0.1"), 8078)
    own.add(8078)
    assert own.has(ip_address("127.0.0.1"), 8078)
    own.remove(8078)
    assert not own.has(ip_address("127.0.0.1"), 8078)


@pytest.mark.parametrize(
    "verdict",
    [
        *(Verdict(ConnectionOutcome.BLOCKED, rule) for rule in Rule),
        *map(
            Verdict,
            (
                ConnectionOutcome.OVER_CAP,
                ConnectionOutcome.NOT_RESOLVED,
                ConnectionOutcome.FAILED,
                ConnectionOutcome.TIMED_OUT,
            ),
        ),
    ],
)
def test_what_a_service_says_is_what_the_worker_reads(verdict: Verdict) -> None:
    lines = tunnel_refusal(verdict).decode().split("\r\n")
    line = next(line for line in lines if line.startswith("Proxy-Status: "))
    assert read_status(line.removeprefix("Proxy-Status: ")) == verdict


@pytest.mark.parametrize(
    "words", ["", "renderfleet", "x; error=no_such", "renderfleet; error=http_request_denied"]
)
def test_what_nobody_means_is_no_verdict_on_the_target(words: str) -> None:
    assert read_status(words) == Verdict(ConnectionOutcome.UNAVAILABLE)


def test_every_outcome_has_an_answer_of_its_own_size_without_a_fact() -> None:
    for outcome in set(ConnectionOutcome) - {ConnectionOutcome.CONNECTED}:
        head, _, body = tunnel_refusal(Verdict(outcome, detail="secret")).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"secret" not in head + body


@pytest.mark.parametrize(
    "url",
    [
        "http://egress:3128",
        "http://:short@egress:3128",
        "http://user:long-enough-token@egress:3128",
        "https://:long-enough-token@egress:3128",
        "http://:long-enough-token@egress",
        "http://:long-enough-token@egress:3128/path",
        "http://:long/enough/token@egress:3128",
    ],
)
def test_addresses_of_a_service_that_are_none(url: str) -> None:
    assert SERVICE_URL.fullmatch(url) is None


def test_addresses_of_a_service_are_read_and_never_shown_with_the_token() -> None:
    found = ServiceAddress.parse("http://:long-enough-token@[fd00::1]:3128/")
    assert (found.host, found.port) == ("fd00::1", 3128)
    assert found.credentials == b"Basic OmxvbmctZW5vdWdoLXRva2Vu"
    assert "Basic" not in repr(found)


def test_of_a_page_that_asks_for_much_no_more_is_remembered_than_fits() -> None:
    record, block = PortRecord(), Verdict(ConnectionOutcome.UNWANTED)
    news = [record.note(f"{number}.example.com", 443, block) for number in range(2 * MAX_REMEMBERED)]
    assert sum(news) == len(record.verdicts) == len(record.blocked) == MAX_REMEMBERED
    assert not record.note("0.example.com", 443, block)
    assert record.blocked["0.example.com", block] == 2
    last = f"{2 * MAX_REMEMBERED - 1}.example.com"
    assert record.verdicts[last, 443] == block
    assert not record.reached
    record.note("0.example.com", 443, Verdict(ConnectionOutcome.CONNECTED))
    assert record.verdicts["0.example.com", 443] == Verdict(ConnectionOutcome.CONNECTED)
    assert record.reached == {("0.example.com", 443)}
