"""Which https requests the browser has to stop so that a list can be asked about their paths (pure).

To stop a request costs 1.5 ms, and a list has 12,000 rules with paths. So the browser gets these few words:
of the requests that only a path gives away most have one of them, and few others do (measured with
tests/bench/cases/render/block_lists.py: docs/blocking.md has the table).
"""

from collections.abc import Iterable, Iterator
from typing import Final

_TEXT: Final = (
    "/ads. /ads? /ads- /adserv adsbygoogle pagead pubads -ads- _ads .adv /advert /banner sponsor "
    "analyt /track -track _track tracker. tracking. /pixel pixel. /px. beacon /collect /counter /stats "
    "/stat/ statistic /metri metrics /log? /logger /hit /imp? impression pageview prebid /gtm gtag /ga.js "
    "fbevents /fbds /tr? /tr/ taboola outbrain criteo adnxs omniture omtrdc scorecard webtrends newrelic "
    "/nr- cxense parsely chartbeat piwik matomo /push? popunder /rum telemetry insights hotjar mixpanel "
    "/metrica /watch/ /activity quant conversion click. /gen_204 amazon-ad 2mdn moat rubicon openrtb gemius "
    "pubmatic liverail vpaid /tap"
)
WORDS: Final = tuple(_TEXT.split())


def patterns(hosts: Iterable[str]) -> Iterator[str]:
    """The patterns of addresses, `*` being the only wildcard in them.

    Args:
        hosts: of which everything is to be stopped.
    """
    yield from (f"https://*{escaped(word)}*" for word in WORDS)
    yield from (f"https://*{host}/*" for host in hosts)


def escaped(text: str) -> str:
    """A text for a pattern of the DevTools protocol, in which `?` is a wildcard."""
    return text.replace("\\", "\\\\").replace("?", "\\?")
