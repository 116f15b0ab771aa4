"""Every address of the corpus is refused: by the schema, or by the egress proxy once the name is resolved."""

import contextlib
from collections import Counter
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from fleet.egress.policy import AddressPolicy, BlockedAddressError, MalformedAddressError
from fleet.egress.public_addresses import Address
from fleet.render.options.source import SourceOptions
from fleet.render.request import RenderRequest
from tests.kit.security.corpus import PRIVATE, PUBLIC, RecordingResolver, lines
from worker.egress.outbound.name_cache import NameCache
from worker.egress.outbound.own_ports import OwnPorts
from worker.egress.outbound.resolver import Resolver
from worker.egress.outbound.route import DirectRoute
from worker.egress.outbound.stream import Stream
from worker.egress.refusal import RefusalError

STRICT = AddressPolicy()

BAD = [(kind, text) for kind, text in lines() if kind != "channel"]
# Each kind is a test: nine hundred tests of one address each would take longer to collect than to run.
each_kind = pytest.mark.parametrize("kind", sorted({kind for kind, _ in BAD}))
# Nothing but a look at the name's addresses can tell that these are bad.
RESOLVED = {"http://private.resolver.test/", "http://mixed.resolver.test/", "http://rebind.resolver.test/"}


def addresses(kind: str) -> list[str]:
    return [text for its_kind, text in BAD if its_kind == kind]


def accepted(url: str) -> bool:
    try:
        SourceOptions(url=url)
    except ValidationError:
        return False
    return True


class Net:
    """The egress proxy's way to a target, with a dialler that dials nobody."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.dialled: list[Address] = []

    async def dial(self, address: Address, _port: int) -> Stream:
        self.dialled.append(address)
        raise ConnectionRefusedError

    async def refuses(self, url: str, policy: AddressPolicy = STRICT) -> bool:
        """Whether nothing was dialled."""
        before = len(self.dialled)
        with contextlib.suppress(BlockedAddressError, MalformedAddressError, RefusalError):
            target = policy.inspect(url)
            await DirectRoute(NameCache(self.resolver), OwnPorts(), self.dial, timeout_s=5).open(
                target, policy
            )
        return len(self.dialled) == before


def test_the_corpus_is_whole() -> None:
    assert Counter(kind for kind, _ in lines()) == {
        "loopback": 30,
        "ipv6": 45,
        "metadata": 23,
        "range": 26,
        "name": 27,
        "parser": 44,
        "idna": 30,
        "port": 20,
        "scheme": 53,
        "channel": 6,
    }


@each_kind
def test_the_schema_refuses_all_that_needs_no_resolver(kind: str) -> None:
    assert [url for url in addresses(kind) if accepted(url) != (url in RESOLVED)] == []


def test_webhooks_and_proxies_are_judged_as_pages_are() -> None:
    for kind, url in BAD:
        for options in ({"webhook_url": url}, {"proxy": {"server": url}}):
            try:
                RenderRequest.model_validate({"html": "x", **options})
            except ValidationError:
                continue
            # A proxy has no path; and it may listen where no page may be.
            assert url in RESOLVED or (kind == "port" and "proxy" in options), (kind, url, options)


@each_kind
async def test_the_proxy_refuses_without_trust_in_the_schema(kind: str) -> None:
    for url in addresses(kind):
        resolver = RecordingResolver()
        refused = await Net(resolver).refuses(url)
        if url in RESOLVED:
            assert len(resolver.asked) == 1, url
            # Rebinding looks public at the first lookup. See below for what ends it.
            assert refused is ("rebind" not in url)
        else:
            assert not resolver.asked, f"a name server was asked, although the spelling is refused: {url}"
            assert refused, url


@each_kind
async def test_an_unrelated_exception_opens_nothing(kind: str) -> None:
    """With one private network open, private names go to the resolver; here all of them lead to 10.0.0.1."""

    async def inward(_: str) -> list[Address]:
        return [PRIVATE]

    policy = AddressPolicy(allow=((ip_network("10.99.0.0/16"), 8099),))
    assert [url for url in addresses(kind) if not await Net(inward).refuses(url, policy)] == []


async def test_rebinding_is_one_lookup_whose_addresses_are_what_is_dialled() -> None:
    resolver = RecordingResolver()
    net = Net(resolver)
    assert not await net.refuses("http://rebind.resolver.test/")
    assert net.dialled == [PUBLIC]
    assert resolver.asked == ["rebind.resolver.test"]
    assert await net.refuses("http://rebind.resolver.test/")


async def test_what_is_public_passes() -> None:
    """Without this one, a proxy that refuses everything would pass the rest of the file."""
    net = Net(RecordingResolver())
    for url in ("http://public.resolver.test/", "https://public.resolver.test/a?b#c", f"https://{PUBLIC}/"):
        assert accepted(url)
        assert not await net.refuses(url)
    assert net.dialled == [PUBLIC] * 3
