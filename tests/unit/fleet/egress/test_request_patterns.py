"""Patterns of requests mean what a person reads in them."""

import time

import pytest

from fleet.egress.request_patterns import RequestPatterns, target_of


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("a.example", "https://a.example/x", True),
        ("a.example", "https://b.a.example/x", False),
        ("*.a.example", "https://b.a.example/x", True),
        ("a.example/ads/*", "https://a.example/ads/1.js?x", True),
        ("a.example/ads/*", "https://a.example/bads/1.js", False),
        ("a.example/ads/*", "https://b.a.example/ads/1.js", False),
        ("*.a.example/ads/*", "https://b.c.a.example/ads/1.js", True),
        ("*/ads/*", "https://any.example/ads/", True),
        ("*/ads/*", "https://any.example/x/ads/y", False),
        ("*/*/ads/*", "https://any.example/x/ads/y", True),
        ("*/x", "https://any.example/x?y", False),
        ("*/x?y", "https://any.example/x?y", True),
        ("*/x?y", "https://any.example/xzy", False),
        ("*/*.js", "https://any.example/a.js", True),
        ("*/*.js", "https://any.example/a.jsx", False),
        ("*/a*a", "https://any.example/a", False),
        ("*/A", "https://any.example/a", False),
        ("a.example/", "https://a.example", True),
        ("a.example/?*", "https://a.example?x", True),
    ],
)
def test_a_pattern_fits_what_it_names(pattern: str, url: str, fits: bool) -> None:  # noqa: FBT001 - a table
    host = url.split("/")[2].partition("?")[0]
    assert RequestPatterns([pattern]).match(host, target_of(url)) is fits


def test_many_wildcards_take_no_time_on_an_address_that_a_page_has_made_for_them() -> None:
    patterns = RequestPatterns(["*/" + "a*" * 200 + "b"])
    began = time.process_time()
    assert not patterns.match("x.example", "/" + "a" * 250_000)
    assert time.process_time() - began < 1
