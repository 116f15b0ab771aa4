from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.egress.hosts import HostPatterns
from fleet.egress.networks import Network
from fleet.egress.policy import (
    DEFAULT_PORTS,
    DEFAULT_PROXY_PORTS,
    AddressPolicy,
    BlockedAddressError,
    MalformedAddressError,
    Rule,
)
from fleet.egress.public_addresses import (
    NOT_PUBLIC_IPV4,
    NOT_PUBLIC_IPV6,
    is_private_name,
    is_public,
)
from fleet.egress.settings import EgressSettings

# The last public address before a block (or None), its first, its last, and the next public one.
# Written out: a table compared with itself proves nothing.
EDGES = [
    (None, "0.0.0.0", "0.255.255.255", "1.0.0.0"),
    ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
    ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
    ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
    ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
    ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
    ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
    ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
    ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
    ("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"),
    ("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"),
    ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
    ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
    ("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"),
    ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
    ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
    ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
    ("223.255.255.255", "224.0.0.0", "239.255.255.255", None),
    (None, "240.0.0.0", "255.255.255.255", None),
    (None, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
    (
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
    ),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff::", "2001:db9::"),
    ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff::", "2003::"),
    ("2620:4f:7fff:ffff::", "2620:4f:8000::", "2620:4f:8000:ffff::", "2620:4f:8001::"),
    ("3ffe:ffff:ffff:ffff::", "3fff::", "3fff:fff:ffff:ffff::", "3fff:1000::"),
    ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
]
NOT_PUBLIC: list[Network] = [*NOT_PUBLIC_IPV4, *NOT_PUBLIC_IPV6]
PUBLIC = ip_address("93.184.216.34")
LAPTOP = AddressPolicy(allow=((ip_network("127.0.0.1/32"), 3000), (ip_network("10.1.0.0/16"), None)))


@pytest.mark.parametrize(("before", "first", "last", "after"), EDGES)
def test_tables_end_where_the_registry_says(
    before: str | None, first: str, last: str, after: str | None
) -> None:
    assert not is_public(ip_address(first))
    assert not is_public(ip_address(last))
    assert all(is_public(ip_address(address)) for address in (before, after) if address)


def test_every_block_of_the_tables_has_its_edges_here() -> None:
    firsts = {first for _, first, _, _ in EDGES}
    assert {str(network.network_address) for network in NOT_PUBLIC} <= firsts


@pytest.mark.parametrize(
    "address",
    [
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "192.0.0.192",
        "2001:4860::1%eth0",
        "5f00::1",
        "64:ff9b:1::1",
        "64:ff9b::808:808",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
    ],
)
def test_what_the_standard_library_or_a_gateway_could_take_for_public(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.ip_addresses())
@example(IPv6Address("2001:1ff::1"))
@settings(database=None)
def test_what_is_permitted_by_default_is_in_no_table(address: IPv4Address | IPv6Address) -> None:
    if AddressPolicy().permits(address, 443):
        if isinstance(address, IPv4Address):
            assert not address.is_private
            assert not address.is_multicast
            assert not any(address in network for network in NOT_PUBLIC_IPV4)
        else:
            assert 0x2000 <= int(address) >> 112 <= 0x3FFF
            assert address.ipv4_mapped is None
            assert address.sixtofour is None
            assert address.teredo is None


@given(st.sampled_from(NOT_PUBLIC).flatmap(lambda net: st.ip_addresses(network=net)))
@settings(database=None)
def test_every_spelling_of_a_private_address_is_refused(address: IPv4Address | IPv6Address) -> None:
    number = int(address)
    if isinstance(address, IPv4Address):
        a, b, c, d = address.packed
        spellings = [str(address), str(number), hex(number), f"0{number:o}", f"0x{a:x}.{b}.{c << 8 | d}"]
        spellings += [f"0{a:o}.0{b:o}.{c}.{d}", f"{address}.", f"[::ffff:{address}]", f"[::{address}]"]
    else:
        spellings = [f"[{address}]", f"[{address.exploded.upper()}]"]
    for host in spellings:
        with pytest.raises(BlockedAddressError) as caught:
            AddressPolicy().check_url(f"http://{host}/")
        assert caught.value.rule is Rule.HOST


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://example.com/", Rule.SCHEME),
        ("file:///etc/hostname", Rule.SCHEME),
        ("javascript:alert(1)", Rule.SCHEME),
        ("https://user:secret@example.com/", Rule.CREDENTIALS),
        ("https://user@example.com/", Rule.CREDENTIALS),
        ("https://:secret@example.com/", Rule.CREDENTIALS),
        ("https://example.com:8443/", Rule.PORT),
        ("https://example.com:0/", Rule.PORT),
        ("https://93.184.216.34:22/", Rule.PORT),
        ("https://10.0.0.1:22/", Rule.HOST),
        ("http://redis:6379/", Rule.HOST),
        ("http://./", Rule.HOST),
    ],
)
def test_a_refusal_names_its_rule_and_nothing_else(url: str, rule: Rule) -> None:
    with pytest.raises(BlockedAddressError) as caught:
        AddressPolicy().check_url(url)
    assert caught.value.rule is rule
    assert str(caught.value) == rule.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "http://",
        "http://[::1/",
        "http://1.2.3.4.5/",
        "http://a b/",
        "\\\\a\\b",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://ex%00ample.com/",
        "http://a/\ud800",
    ],
)
def test_what_is_no_address_is_said_without_quoting_it(url: str) -> None:
    with pytest.raises(MalformedAddressError, match=r"^This is not a web address\. Give a complete one"):
        AddressPolicy().check_url(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.COM:443", "https://example.com/"),
        ("http:\\\\example.com\\a", "http://example.com/a"),
        ("https://bücher.example/ä?ö#ü", "https://xn--bcher-kva.example/%C3%A4?%C3%B6#%C3%BC"),
        ("http://@93.184.216.34./", "http://93.184.216.34/"),
        ("http://[2606:2800:0220:0001:0000::1]/", "http://[2606:2800:220:1::1]/"),
        ("https://example.com./", "https://example.com./"),
    ],
)
def test_public_addresses_come_back_as_the_browser_reads_them(url: str, normal: str) -> None:
    assert AddressPolicy().check_url(url) == normal
    assert AddressPolicy().check_url(normal) == normal


@pytest.mark.parametrize(
    "name",
    [
        "LOCALHOST",
        "a.localhost",
        "localhost.",
        "localhost..",
        "localhost.localdomain",
        "printer.local",
        "kubernetes.default.svc.cluster.local",
        "kubernetes.default.svc",
        "home.arpa",
        "router.home.arpa",
        "metadata.google.internal",
        "wiki.intranet",
        "wiki.private",
        "wiki.corp",
        "nas.home",
        "nas.lan",
        "redis",
        ".",
    ],
)
def test_private_names(name: str) -> None:
    assert is_private_name(name)


@pytest.mark.parametrize(
    "name", ["example.com", "localhost.com", "svc.example", "shop.mylan", "a.thelocalhost", "example.arpa"]
)
def test_names_that_only_look_like_private_ones(name: str) -> None:
    assert not is_private_name(name)


@pytest.mark.parametrize("host", ["*.example.com", "a*b.com", "a,b.com", "a'b.com", "a=b.com", '"a.com'])
def test_hosts_that_no_domain_can_have(host: str) -> None:
    with pytest.raises(MalformedAddressError, match="not a valid domain name"):
        AddressPolicy().check_url(f"http://{host}/")


@pytest.mark.parametrize(
    ("address", "port", "permitted"),
    [
        ("127.0.0.1", 3000, True),
        ("127.0.0.1", 3001, False),
        ("127.0.0.1", 80, False),
        ("127.0.0.2", 3000, False),
        ("::1", 3000, False),
        ("::ffff:127.0.0.1", 3000, False),
        ("10.1.255.255", 1, True),
        ("10.2.0.0", 80, False),
        ("93.184.216.34", 443, True),
        ("93.184.216.34", 3000, False),
    ],
)
def test_an_exception_opens_its_own_addresses_and_port_alone(
    address: str, port: int, *, permitted: bool
) -> None:
    assert LAPTOP.permits(ip_address(address), port) == permitted


def test_private_names_are_left_to_the_resolver_as_soon_as_there_is_an_exception() -> None:
    only_3000 = AddressPolicy(allow=LAPTOP.allow[:1])
    assert only_3000.check_url("http://localhost:3000/") == "http://localhost:3000/"
    for url, rule in (("http://localhost:3001/", Rule.PORT), ("http://127.0.0.1:80/", Rule.HOST)):
        with pytest.raises(BlockedAddressError) as caught:
            only_3000.check_url(url)
        assert caught.value.rule is rule


def test_a_port_of_the_settings_is_open_at_public_addresses_alone() -> None:
    policy = AddressPolicy(ports=(443, 8443))
    assert policy.check_url("https://example.com:8443/") == "https://example.com:8443/"
    assert policy.permits(PUBLIC, 8443)
    assert not policy.permits(PUBLIC, 80)
    assert not policy.permits(ip_address("10.0.0.1"), 8443)


@pytest.mark.parametrize(
    "url",
    [
        "https://tracker.example.com/",
        "https://a.b.ads.example.com./",
        "http://93.184.216.34/",
        "http://0x5db8d822/",
        "http://10.1.9.9:8080/",
    ],
)
def test_what_is_denied_is_refused_whatever_allows_it(url: str) -> None:
    deny = ("tracker.example.com", "*.ads.example.com", "93.184.216.0/24", "10.1.9.0/24:8080")
    policy = AddressPolicy(allow=LAPTOP.allow).for_tenant(allow=("93.184.216.34",), deny=deny)
    with pytest.raises(BlockedAddressError) as caught:
        policy.check_url(url)
    assert caught.value.rule is Rule.DENIED
    assert policy.check_url("http://10.1.9.9:8081/")
    assert policy.check_url("https://ads.example.com/")


def test_a_tenant_gets_what_the_fleet_has_and_its_own() -> None:
    fleet = AddressPolicy(allow=LAPTOP.allow, ports=(443,), proxy_ports=(9999,)).for_tenant(
        allow=(), deny=("192.0.2.0/24",)
    )
    tenant = fleet.for_tenant(allow=("10.2.0.0/16",), deny=("10.2.3.0/24", "x.example"))
    assert tenant.permits(ip_address("10.2.0.1"), 80)
    assert tenant.permits(ip_address("10.1.0.1"), 80)
    assert not tenant.permits(ip_address("10.2.3.1"), 80)
    assert not tenant.permits(PUBLIC, 80)
    assert tenant.deny[:1] == fleet.deny
    assert tenant.of_proxies().permits(PUBLIC, 9999)
    assert not tenant.of_proxies().permits(PUBLIC, 443)
    assert [port for port in (80, 443, 9999) if tenant.with_proxies().permits(PUBLIC, port)] == [443, 9999]
    assert not fleet.permits(ip_address("10.2.0.1"), 80)


def test_settings_make_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENDERFLEET_EGRESS_ALLOW", raising=False)
    monkeypatch.delenv("RENDERFLEET_EGRESS_PORTS", raising=False)
    assert AddressPolicy.from_settings(EgressSettings()) == AddressPolicy()
    assert EgressSettings().egress_ports == DEFAULT_PORTS
    assert EgressSettings().egress_proxy_ports == DEFAULT_PROXY_PORTS
    monkeypatch.setenv("RENDERFLEET_EGRESS_ALLOW", "127.0.0.1:3000, 10.1.0.0/16,[fd00::1]:80,fd00::/8")
    monkeypatch.setenv("RENDERFLEET_EGRESS_PORTS", "80, 443,8443")
    monkeypatch.setenv("RENDERFLEET_EGRESS_PROXY_PORTS", "3128")
    monkeypatch.setenv("RENDERFLEET_EGRESS_DENY", "192.0.2.0/24, *.ads.example,t.example,10.1.0.1:80")
    assert AddressPolicy.from_settings(EgressSettings()) == AddressPolicy(
        allow=(*LAPTOP.allow, (ip_network("fd00::1"), 80), (ip_network("fd00::/8"), None)),
        ports=(80, 443, 8443),
        deny=((ip_network("192.0.2.0/24"), None), (ip_network("10.1.0.1"), 80)),
        denied_hosts=HostPatterns(["t.example", "*.ads.example"]),
        proxy_ports=(3128,),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOW", entry)
        for entry in ("127.0.0.1:", "[::1]:", "[::1]80", "localhost:80", "10.0.0.1/8", "1.1.1.1:0")
    ]
    + [("ALLOW", "1.1.1.1:65536"), ("ALLOW", "1.1.1.1:+80")]
    + [("DENY", entry) for entry in ("10.0.0.1/8", "*", "http://x.example", "x.example:80")]
    + [("PORTS", ports) for ports in ("", "0", "65536", "http", "80-90")],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RENDERFLEET_EGRESS_{name}", value)
    with pytest.raises(ValueError, match=f"egress_{name.lower()}"):
        EgressSettings()
