"""The parser that judges addresses and the browser that follows them read the same host, whatever the text.

A text that one of them reads otherwise would be judged as one host and fetched from another.
"""

import json
import time
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Final

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from fleet.egress.policy import AddressPolicy, Target
from tests.kit.security.chromium import Tab, chromium
from tests.kit.security.corpus import lines

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Refuses nothing but what cannot be read: here it is the reading that counts.
EVERYTHING: Final = AddressPolicy(allow=((ip_network("0.0.0.0/0"), None), (ip_network("::/0"), None)))
CORPUS: Final = [text for kind, text in lines() if kind != "channel"]
# What parsers have parted over, and what makes new cases of old ones.
WORDS: Final = r"""
http:// https:// http: HTTP:\ :// // / \ @ : ? # % [ ] :: - -- _ ~ ! $ & ' * + , ; = < ^ | ` {
1 127 0x7f 0177 . 0 255 256 4294967295 4294967296 08 0x 1e3 ffff fe80 %25eth0 80 443 65536 0080
localhost example.com test. .. xn-- xn--a xn--n3h %31 %2e %00 %ff %c3%9f %E3%80%82
"""
ATOMS: Final = (
    *WORDS.split(),
    *("\t", "\r", "\n", "\x00", "\x1f", " ", '"'),
    # Letters, digits and dots of other scripts, and what nobody sees.
    *"\u00df\u017f\u212a\u0130\u0131\u03c2\u2460\u3002\uff0e\uff61\u0660\u0967\u05d0\u0301\U0001f4a9",
    *"\u00ad\u200b\u200c\u200d\u2060\ufeff\u3164\ue000",
)
CHARACTERS: Final = st.characters(exclude_categories=["Cs"])
PIECES: Final = st.lists(st.sampled_from(ATOMS) | CHARACTERS, max_size=8).map("".join)
BEGINNINGS: Final = st.sampled_from(["http://", "https://", "hTtp:/\\"])
ENDS: Final = st.sampled_from(["", "/", ".com/", ":80/", ".example.com", "?x", "#y", ".1/"])


def insert(text: str, at: int, piece: str) -> str:
    """A line of the corpus with something in the middle of it."""
    at %= len(text) + 1
    return text[:at] + piece + text[at:]


TEXTS: Final = st.one_of(
    st.builds("{}{}{}".format, BEGINNINGS, PIECES, ENDS),
    PIECES,
    st.builds(insert, st.sampled_from(CORPUS), st.integers(0, 60), PIECES),
)
# Each try is a round trip to a browser: what fails is shown as it was found.
PHASES: Final = (Phase.explicit, Phase.generate)
READ: Final = """texts => texts.map(text => {
  try {
    const url = new URL(text);
    return [url.protocol, url.hostname, url.port, url.username + url.password];
  } catch { return null; }
})"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab() -> AsyncIterator[Tab]:
    async with chromium() as browser:
        yield await Tab.open(browser)


async def read(tab: Tab, texts: list[str]) -> list[tuple[str, int] | None]:
    """Host and port as Chromium reads them; None for what is no address of the web, or names a user."""
    answers = await tab.evaluate(f"({READ})({json.dumps(texts)})")
    found: list[tuple[str, int] | None] = []
    for answer in answers:
        if answer is None or answer[0] not in {"http:", "https:"} or answer[3]:
            found.append(None)
        else:
            port = int(answer[2] or {"http:": 80, "https:": 443}[answer[0]])
            found.append((answer[1].removeprefix("[").removesuffix("]"), port))
    return found


def targets(texts: list[str]) -> list[tuple[str, Target]]:
    """What the policy lets through."""
    found = []
    for text in texts:
        try:
            found.append((text, EVERYTHING.inspect(text)))
        except ValueError:
            continue
    return found


@given(texts=st.lists(TEXTS, min_size=150, max_size=300))
@example(texts=CORPUS)
@example(texts=[f"http://a{chr(point)}b.example/" for point in range(0x80, 0x3000)])
@settings(max_examples=6, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
async def test_whatever_is_let_through_chromium_reads_alike(tab: Tab, texts: list[str]) -> None:
    ours = targets(texts)
    expected = [(target.host, target.port) for _, target in ours]
    assert await read(tab, [text for text, _ in ours]) == expected
    # What is stored, and handed to the browser, is the normal form.
    assert await read(tab, [target.url for _, target in ours]) == expected


async def test_a_good_part_is_let_through(tab: Tab) -> None:
    """Without this one, a parser that refuses everything would pass."""
    good = [
        "http://example.com/",
        "https://EXAMPLE.com:8443/x",
        "http://1.1/",
        "http://[2606:4700::1]/",
        "http://b①.de",
    ]
    assert [text for text, _ in targets(good)] == good
    assert await read(tab, good) == [
        ("example.com", 80), ("example.com", 8443), ("1.0.0.1", 80), ("2606:4700::1", 80), ("b1.de", 80)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "piece", ["a.", "xn--a.", "%61", "①", "1.", "[", "::", "@", "%25", "\u0301", "ß", "\t", "0x"]
)
async def test_no_text_takes_long_to_judge(piece: str) -> None:
    text = "http://" + piece * (8000 // len(piece))
    began = time.process_time()
    targets([text, f"{text}/", f"{text}.com", text[7:]])
    assert time.process_time() - began < 0.5
