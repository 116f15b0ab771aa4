"""Signed links: what is signed means one thing, and nothing else passes for it."""

import string
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet.render.link_signature import (
    MAX_QUERY_BYTES,
    UnusableLinkError,
    canonical,
    link_key,
    parse,
    sign,
)

PATH = "/v1/screenshot"
KEY = link_key("not-a-real-secret")
BASIS = {"url": "https://example.com/?a=1&b=2", "key": "0123456789ab", "expires": "1893456000"}

names = st.text(min_size=1, max_size=10).filter(lambda name: name not in ("signature", *BASIS))
values = st.text(min_size=1, max_size=30)
texts = st.dictionaries(names, values, max_size=4).map(lambda more: {**BASIS, **more})


def query_of(parameters: dict[str, str], signature: str | None = None) -> str:
    """The parameters as a browser sends them, with their signature."""
    signed = {**parameters, "signature": signature or sign(KEY, PATH, parameters)}
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in signed.items())


def holds(query: str) -> bool:
    """Whether the query is that of a link which our key has signed."""
    try:
        return parse(PATH, query.encode()).is_signed_with(KEY)
    except UnusableLinkError:
        return False


@given(texts)
def test_what_was_signed_is_read_as_it_was_meant(parameters: dict[str, str]) -> None:
    link = parse(PATH, query_of(parameters).encode())
    assert link.is_signed_with(KEY)
    assert link.parameters == parameters
    assert (link.key_id, link.expires) == (BASIS["key"], int(BASIS["expires"]))


@given(texts, st.data())
def test_no_character_can_be_changed(parameters: dict[str, str], data: st.DataObject) -> None:
    query = query_of(parameters)
    place = data.draw(st.integers(0, len(query) - 1))
    other = data.draw(st.sampled_from(string.printable.strip() + "é"))
    # %3a and %3A are two spellings of one thing.
    is_in_escape = "%" in query[max(0, place - 2) : place]
    assume(other != query[place] and not (is_in_escape and other.upper() == query[place]))
    assert not holds(query[:place] + other + query[place + 1 :])


@given(texts, st.data())
def test_nothing_can_be_left_out_or_put_in(parameters: dict[str, str], data: st.DataObject) -> None:
    query = query_of(parameters)
    place = data.draw(st.integers(0, len(query) - 1))
    assert not holds(query[:place] + query[place + 1 :])
    more = data.draw(st.sampled_from(string.ascii_letters + string.digits + "&=%+."))
    assert not holds(query[:place] + more + query[place:])
    parts = query.split("&")
    dropped = data.draw(st.integers(0, len(parts) - 1))
    assert not holds("&".join(parts[:dropped] + parts[dropped + 1 :]))
    assert not holds(f"{query}&{parts[dropped]}")


@given(texts, st.randoms(use_true_random=False))
def test_order_and_spelling_do_not_matter(parameters: dict[str, str], random: object) -> None:
    parts = query_of(parameters).split("&")
    random.shuffle(parts)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert holds("&".join(parts))
    everything = "&".join(
        "=".join("".join(f"%{byte:02x}" for byte in word.encode()) for word in pair)
        for pair in {**parameters, "signature": sign(KEY, PATH, parameters)}.items()
    )
    assert holds(everything)


@given(texts)
def test_another_key_or_path_is_another_signature(parameters: dict[str, str]) -> None:
    query = query_of(parameters).encode()
    assert not parse(PATH, query).is_signed_with(link_key("another-secret"))
    assert not parse("/v1/pdf", query).is_signed_with(KEY)


def test_the_canonical_form_is_sorted_by_name_and_strictly_encoded() -> None:
    parameters = {"b": "ä /+~-._", "a2": "2", "a": "1", "a.b": "3"}
    assert canonical("/p", parameters) == "/p?a=1&a.b=3&a2=2&b=%C3%A4%20%2F%2B~-._"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "`signature` is missing"),
        ("a=1&a=2", "`a` is given more than once"),
        ("a=1&%61=2", "`a` is given more than once"),
        ("a=", "no value"),
        ("a", "no value"),
        ("=1", "no name"),
        ("a=1&", "no name"),
        ("a=b+c", "%20"),
        ("a=%", "RFC 3986"),
        ("a=%4", "RFC 3986"),
        ("a=ä", "RFC 3986"),
        ("a=%e4", "UTF-8"),
        (f"a={'x' * MAX_QUERY_BYTES}", "longer than"),
        ("signature=abc", "64 lower-case"),
        (f"signature={'A' * 64}", "64 lower-case"),
        (f"signature={'a' * 64}&key=ABCDEFGHIJKL", "`key` must be"),
        (f"signature={'a' * 64}&key=0123456789ab", "`expires` is missing"),
        (f"signature={'a' * 64}&key=0123456789ab&expires=1e9", "Unix seconds"),
        (f"signature={'a' * 64}&key=0123456789ab&expires=-5", "Unix seconds"),
        (f"signature={'a' * 64}&key=0123456789ab&expires=0012", "Unix seconds"),
        (f"signature={'a' * 64}&key=0123456789ab&expires=%D9%A1", "Unix seconds"),
    ],
)
def test_what_is_wrong_is_said(query: str, words: str) -> None:
    with pytest.raises(UnusableLinkError, match=words):
        parse(PATH, query.encode())
