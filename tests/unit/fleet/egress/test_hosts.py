"""Patterns of hosts mean what a person reads in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.egress.hosts import HostPatterns, normal_pattern

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8).filter(
    lambda label: (
        not label.isdigit() and not label.startswith(("0x", "xn--", "-")) and not label.endswith("-")
    )
)


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("ads.example.com", "ads.example.com", True),
        ("ads.example.com", "x.ads.example.com", False),
        ("ads.example.com", "bads.example.com", False),
        ("ADS.Example.COM", "ads.example.com", True),
        ("ads.example.com.", "ads.example.com", True),
        ("ads.example.com", "ads.example.com.", True),
        ("*.example.com", "ads.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "badexample.com", False),
        ("*.com", "example.com", True),
        ("*.bücher.example", "a.xn--bcher-kva.example", True),
        ("127.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("[::1]", "::1", True),
        ("localhost", "localhost", True),
    ],
)
def test_a_pattern_fits_what_it_names(pattern: str, host: str, fits: bool) -> None:  # noqa: FBT001 - a table
    assert (host in HostPatterns([pattern])) is fits


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "*.", ".", "..", "a..b", "a b.example", "http://x.example", "x.example:80", "x.example/path",
     "u@x.example", "*.127.0.0.1", "a*.example.com", "*.*.example.com", "x.example?", "%61.example",
     "x" * 300],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_with_words_that_say_what_is(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host pattern: give a host such as ads\.example\.com"):
        normal_pattern(pattern)


@given(labels=st.lists(LABEL, min_size=2, max_size=5), others=st.lists(LABEL, min_size=1, max_size=3))
def test_one_pattern_is_found_among_many(labels: list[str], others: list[str]) -> None:
    host = ".".join(labels)
    many = [f"*.{other}.invalid" for other in others]
    assert host in HostPatterns([*many, host])
    assert host in HostPatterns([*many, "*." + ".".join(labels[1:])])
    assert host not in HostPatterns(many)
    assert host in HostPatterns(many) | HostPatterns([host])
