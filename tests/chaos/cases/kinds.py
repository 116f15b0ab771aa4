"""A table of the kinds of jobs in the load. Add a line here for a new option of the product."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from tests.site.server import Site

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of pages.

    Attributes:
        site: serves the pages.
        refusing: an address that refuses connections.
        slow_ms: the shortest and the longest time that a slow page takes.
    """

    site: Site
    refusing: str
    slow_ms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job.

    Attributes:
        share: how often it is submitted, compared with the others.
        body: makes the body of the request.
        ends: how it may end without faults: a state, or the error type of a failure. `verdict.py` knows how
            it may also end because of faults.
        wait_s: `Prefer: wait=` of the POST.
        reads: whether the caller also waits for the end by GET.
        cancel_after_s: the caller cancels it at a random time between these seconds after its acceptance.
    """

    name: str
    share: float
    body: Callable[[Random, Addresses], Body]
    ends: frozenset[str] = frozenset({"succeeded"})
    wait_s: int = 0
    reads: bool = False
    cancel_after_s: tuple[float, float] | None = None


def _text(numbers: Random) -> str:
    return f"<!doctype html><title>chaos</title><h1>{numbers.getrandbits(64):x}</h1><p>the quick brown fox"


def _html(numbers: Random, _: Addresses) -> Body:
    return {"html": _text(numbers)}


def _pdf(numbers: Random, _: Addresses) -> Body:
    return {"html": _text(numbers), "format": "pdf"}


def _jpeg(numbers: Random, _: Addresses) -> Body:
    return {"html": _text(numbers) * 40, "format": "jpeg", "full_page": True, "quality": 70}


def _tiny(_: Random, addresses: Addresses) -> Body:
    return {"url": addresses.site.url("/tiny")}


def _slow(numbers: Random, addresses: Addresses) -> Body:
    return {"url": addresses.site.url(f"/slow?ms={numbers.randint(*addresses.slow_ms)}")}


def _delayed(numbers: Random, _: Addresses) -> Body:
    run_at = datetime.now(UTC) + timedelta(seconds=numbers.uniform(2, 20))
    return {"html": _text(numbers), "run_at": run_at.isoformat()}


def _urgent(numbers: Random, _: Addresses) -> Body:
    return {"html": _text(numbers), "priority": numbers.choice((0, 7, 9))}


def _expiring(numbers: Random, addresses: Addresses) -> Body:
    return {"url": addresses.site.url("/slow?ms=4000"), "expires_in_s": numbers.randint(1, 6)}


def _refused(numbers: Random, addresses: Addresses) -> Body:
    return {"url": f"{addresses.refusing}{numbers.getrandbits(32):x}"}


def _killer(numbers: Random, _: Addresses) -> Body:
    # So many nested boxes overflow the renderer's stack: its process crashes every time.
    script = (
        "let d=document.body;for(let i=0;i<30000;i++){const e=document.createElement('span');"
        "d.appendChild(e);d=e}"
    )
    return {"html": f"<!doctype html><body>{numbers.getrandbits(32):x}<script>{script}</script>"}


_OR_CANCELLED: Final = frozenset({"succeeded", "cancelled"})
KINDS: Final = (
    JobKind("html to png", 30, _html),
    JobKind("html to pdf", 12, _pdf),
    JobKind("html to a full-page jpeg", 8, _jpeg),
    JobKind("address", 20, _tiny),
    JobKind("address, read until it ends", 6, _tiny, reads=True),
    JobKind("html, waiting in the POST", 8, _html, wait_s=10),
    JobKind("slow address", 20, _slow),
    JobKind("delayed", 6, _delayed),
    JobKind("urgent, or not at all", 5, _urgent),
    JobKind("expiring", 2, _expiring, ends=frozenset({"succeeded", "expired"})),
    JobKind("slow, cancelled", 3, _slow, ends=_OR_CANCELLED, cancel_after_s=(0, 4)),
    JobKind("delayed, cancelled", 2, _delayed, ends=_OR_CANCELLED, cancel_after_s=(0, 10)),
    JobKind("address that refuses", 3, _refused, ends=frozenset({"connection_failed"})),
    JobKind("page that kills its renderer", 1, _killer, ends=frozenset({"page_crashed"})),
)
BY_NAME: Final[Mapping[str, JobKind]] = {kind.name: kind for kind in KINDS}


def choose(numbers: Random) -> JobKind:
    """Choose a kind at random, by their shares."""
    return numbers.choices(KINDS, [kind.share for kind in KINDS])[0]
