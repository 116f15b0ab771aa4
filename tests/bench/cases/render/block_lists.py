"""What renderfleet finds of what Brave's engine finds, on addresses that pages have asked for."""

import lzma
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import adblock

from fleet.filters.store import SHIPPED, ListName, load, read_manifest, read_text
from tests.bench.cases.case import Bench
from tests.bench.report.report import Aim, Section, Table
from worker.blocking import watched
from worker.blocking.list_engine import ListEngine

Request = tuple[str, str, str]  # address, page, kind

_CORPUS: Final = Path(__file__).parents[2] / "corpus"
_KINDS: Final = {
    "script": "js",
    "stylesheet": "css",
    "image": "png gif jpg jpeg svg ico webp",
    "font": "woff ttf",
    "sub_frame": "html htm",
    "xmlhttprequest": "json",
}
_BY_END: Final = {end: kind for kind, ends in _KINDS.items() for end in ends.split()}
_LEAST_RECALL: Final = 0.8
_METHOD: Final = (
    "Each address is decided by Brave's engine with the whole text of both lists, which is taken as right, "
    "and in renderfleet's three ways. `hosts`: by the sets of hosts alone, as the egress proxy does for "
    "https. `hosts and watched words`: with the engine for addresses that the browser would stop, as for "
    "https in all. `whole addresses`: as the egress proxy does for plain http. Found: of what the engine "
    "refuses. Wrongly refused: of what it lets pass. Stopped in vain: of what it lets pass, what the browser "
    "would stop, at 1.5 ms each. Corpora: 20,604 addresses of pages of 2015, and 8,276 made from rules of "
    "lists (`tests/bench/corpus/NOTICE.md`). The words were chosen with a look at both, so that the figures "
    "of https are kinder than those of other pages would be."
)


async def run(bench: Bench) -> Section:
    """Decide, and make the section."""
    facts = read_manifest(SHIPPED)
    whole = {name: _whole(read_text(SHIPPED, one)) for name, one in facts.items()}
    ours = {name: ListEngine(load(SHIPPED, one)) for name, one in facts.items()}
    rows, recall = [], {}
    for corpus, requests in (("pages of 2015", _sites()), ("made from rules", _made())):
        bench.say(corpus)
        counts = _count(requests, whole, ours)
        recall[corpus] = counts["hosts and watched words", True] / counts["refused"]
        rows += [
            (
                corpus,
                way,
                f"{counts[way, True] / counts['refused']:.1%}",
                f"{counts[way, False]} of {counts['passed']:,}",
                f"{counts['stopped'] / counts['passed']:.1%}" if "watched" in way else "-",
            )
            for way in ("hosts", "hosts and watched words", "whole addresses")
        ]
    section = Section("Blocking: what is found, beside Brave's engine")
    words = ", ".join(f"{corpus} {share:.0%}" for corpus, share in recall.items())
    section.aims = [
        Aim(
            "https: 80% of what the engine refuses is found, and nothing is refused wrongly",
            words,
            recall["pages of 2015"] >= _LEAST_RECALL,
        )
    ]
    header = ("corpus", "decided by", "found", "wrongly refused", "stopped in vain")
    section.parts = [_METHOD, Table(header, rows)]
    return section


def _count(
    requests: Iterator[Request],
    whole: Mapping[ListName, adblock.Engine],
    ours: Mapping[ListName, ListEngine],
) -> Counter[object]:
    hosts = [host for one in ours.values() for host in one.watched]
    counts: Counter[object] = Counter()
    for url, page, kind in requests:
        is_refused = any(one.check_network_urls(url, page, kind).matched for one in whole.values())
        host = urlsplit(url).hostname or ""
        by_host = any(one.blocks_host(host, page) for one in ours.values())
        in_all = any(one.blocks(url, page, kind) for one in ours.values())
        is_watched = any(word in url for word in watched.WORDS) or any(host.endswith(one) for one in hosts)
        counts["refused" if is_refused else "passed"] += 1
        counts["stopped"] += is_watched and not by_host and not is_refused
        counts["hosts", is_refused] += by_host
        counts["hosts and watched words", is_refused] += by_host or (is_watched and in_all)
        counts["whole addresses", is_refused] += in_all
    return counts


def _whole(text: str) -> adblock.Engine:
    filters = adblock.FilterSet()
    filters.add_filter_list(text)
    return adblock.Engine(filters)


def _lines(name: str) -> list[str]:
    return lzma.decompress((_CORPUS / name).read_bytes()).decode().splitlines()


def _made() -> Iterator[Request]:
    for line in _lines("made.tsv.xz"):
        kind, page, url = line.split("\t")
        yield url, page, kind


def _sites() -> Iterator[Request]:
    """The list has the requests of one page after the other, each begun by the page's own address."""
    page = "https://www.example.com/"
    for url in _lines("sites.txt.xz"):
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        if parts.path in {"", "/"} and not parts.query and host.count(".") == 1:
            page = url
        yield url, page, _BY_END.get(parts.path.rpartition(".")[2].lower(), "other")
