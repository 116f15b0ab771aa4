"""`proxy`: what a caller may give, how it is normalised, and that its password shows nowhere."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy
from fleet.render.request import RenderRequest


def proxied(policy: AddressPolicy | None = None, /, **proxy: Any) -> RenderRequest:
    context = {"egress": policy} if policy else None
    return RenderRequest.model_validate({"html": "x", "proxy": proxy}, context=context)


@pytest.mark.parametrize(
    ("server", "normal", "address"),
    [
        ("http://Proxy.Example.com:3128", "http://proxy.example.com:3128", "http://proxy.example.com:3128/"),
        ("proxy.example.com:8080", "http://proxy.example.com:8080", "http://proxy.example.com:8080/"),
        ("http://proxy.example.com", "http://proxy.example.com:80", "http://proxy.example.com:80/"),
        ("SOCKS5://proxy.example.com/", "socks5://proxy.example.com:1080", "http://proxy.example.com:1080/"),
        ("socks5://93.184.216.34:1080", "socks5://93.184.216.34:1080", "http://93.184.216.34:1080/"),
        ("http://[2606:4700::1]:8080", "http://[2606:4700::1]:8080", "http://[2606:4700::1]:8080/"),
    ],
)
def test_a_server_is_read_as_a_person_means_it(server: str, normal: str, address: str) -> None:
    proxy = proxied(server=server).proxy
    assert proxy is not None
    assert (proxy.server, proxy.address) == (normal, address)
    again = proxied(server=normal).proxy
    assert again == proxy


@pytest.mark.parametrize(
    ("server", "rule"),
    [
        ("http://127.0.0.1:3128", "host"),
        ("socks5://127.1:1080", "host"),
        ("socks5://[::1]:1080", "host"),
        ("http://localhost:8080", "host"),
        ("http://10.0.0.1:8080", "host"),
        ("http://proxy.example.com:22", "port"),
        ("http://user:word@proxy.example.com:8080", "credentials"),
    ],
)
def test_a_server_is_judged_like_a_target(server: str, rule: str) -> None:
    with pytest.raises(ValidationError) as caught:
        proxied(server=server)
    (finding,) = caught.value.errors()
    assert (finding["loc"], finding["type"]) == (("proxy", "server"), "url_blocked")
    assert finding["ctx"]["rule"] == rule


def test_what_the_operator_opens_is_open_to_proxies() -> None:
    policy = AddressPolicy(allow=(split_network("127.0.0.1:3128"),), proxy_ports=(9999,))
    assert proxied(policy, server="http://127.0.0.1:3128").proxy
    assert proxied(policy, server="http://proxy.example.com:9999").proxy
    with pytest.raises(ValidationError, match="port is not open"):
        proxied(policy, server="http://proxy.example.com:8080")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("socks4://proxy.example.com", "no proxy of a kind that is spoken here"),
        ("https://proxy.example.com", "no proxy of a kind that is spoken here"),
        ("http://proxy.example.com/path", "scheme, host and port alone"),
        ("http://proxy.example.com?x", "scheme, host and port alone"),
        ("http://", "scheme, host and port alone"),
        ("http://proxy.example.com:", "no host that a proxy can have"),
        ("http://proxy.example.com:99999", "no host that a proxy can have"),
    ],
)
def test_what_is_no_server_is_refused(server: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        proxied(server=server)


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"username": "u"}, "both of `username` and `password`"),
        ({"password": "p"}, "both of `username` and `password`"),
        ({"username": "a:b", "password": "p"}, "a colon"),
        ({"username": "u\r\nX: y", "password": "p"}, "should match pattern"),
        ({"username": "u", "password": "ü" * 128}, "longer than 255 bytes"),
    ],
)
def test_credentials_are_such_as_can_be_sent(credentials: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        proxied(server="http://proxy.example.com:8080", **credentials)


def test_credentials_do_not_show_where_a_request_is_printed() -> None:
    request = proxied(server="socks5://proxy.example.com", username="somebody", password="hidden-word")
    assert "hidden-word" not in repr(request)
    assert "somebody" not in repr(request)
    assert "hidden-word" in request.model_dump_json()
