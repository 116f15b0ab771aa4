"""The kinds of jobs that callers ask for: a table. A new option of the product is a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from tests.site.server import Site

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Where pages are.

    Attributes:
        site: serves them.
        refusing: nobody listens there.
        slow_ms: how long a slow page takes, between these.
    """

    site: Site
    refusing: str
    slow_ms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of job.

    Attributes:
        share: how often, against the others.
        body: makes the request's body.
        ends: the words by which it may end: a state, or the error type of a failure. What the faults may do
            to any job is not among them (`verdict.py`).
        wait_s: `Prefer: wait=` of the POST.
        reads: whether the caller also waits for the end by GET.
        cancel_after_s: between these seconds after its acceptance the caller cancels it.
    """

    name: str
    share: float
    body: Callable[[Random, Places], Body]
    ends: frozenset[str] = frozenset({"succeeded"})
    wait_s: int = 0
    reads: bool = False
    cancel_after_s: tuple[float, float] | None = None


def _text(numbers: Random) -> str:
    return f"<!doctype html><title>chaos</title><h1>{numbers.getrandbits(64):x}</h1><p>the quick brown fox"


def _html(numbers: Random, _: Places) -> Body:
    return {"html": _text(numbers)}


def _pdf(numbers: Random, _: Places) -> Body:
    return {"html": _text(numbers), "format": "pdf"}


def _jpeg(numbers: Random, _: Places) -> Body:
    return {"html": _text(numbers) * 40, "format": "jpeg", "full_page": True, "quality": 70}


def _tiny(_: Random, places: Places) -> Body:
    return {"url": places.site.url("/tiny")}


def _slow(numbers: Random, places: Places) -> Body:
    return {"url": places.site.url(f"/slow?ms={numbers.randint(*places.slow_ms)}")}


def _delayed(numbers: Random, _: Places) -> Body:
    run_at = datetime.now(UTC) + timedelta(seconds=numbers.uniform(2, 20))
    return {"html": _text(numbers), "run_at": run_at.isoformat()}


def _urgent(numbers: Random, _: Places) -> Body:
    return {"html": _text(numbers), "priority": numbers.choice((0, 7, 9))}


def _expiring(numbers: Random, places: Places) -> Body:
    return {"url": places.site.url("/slow?ms=4000"), "expires_in_s": numbers.randint(1, 6)}


def _refused(numbers: Random, places: Places) -> Body:
    return {"url": f"{places.refusing}{numbers.getrandbits(32):x}"}


def _killer(numbers: Random, _: Places) -> Body:
    # So many boxes inside each other overflow the renderer's stack: its process is killed, every time.
    script = (
        "let d=document.body;for(let i=0;i<30000;i++){const e=document.createElement('span');"
        "d.appendChild(e);d=e}"
    )
    return {"html": f"<!doctype html><body>{numbers.getrandbits(32):x}<script>{script}</script>"}


_OR_CANCELLED: Final = frozenset({"succeeded", "cancelled"})
KINDS: Final = (
    Kind("html to png", 30, _html),
    Kind("html to pdf", 12, _pdf),
    Kind("html to a full-page jpeg", 8, _jpeg),
    Kind("address", 20, _tiny),
    Kind("address, read until it ends", 6, _tiny, reads=True),
    Kind("html, waiting in the POST", 8, _html, wait_s=10),
    Kind("slow address", 20, _slow),
    Kind("delayed", 6, _delayed),
    Kind("urgent, or not at all", 5, _urgent),
    Kind("expiring", 2, _expiring, ends=frozenset({"succeeded", "expired"})),
    Kind("slow, cancelled", 3, _slow, ends=_OR_CANCELLED, cancel_after_s=(0, 4)),
    Kind("delayed, cancelled", 2, _delayed, ends=_OR_CANCELLED, cancel_after_s=(0, 10)),
    Kind("address that refuses", 3, _refused, ends=frozenset({"connection_failed"})),
    Kind("page that kills its renderer", 1, _killer, ends=frozenset({"page_crashed"})),
)
BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}


def choose(numbers: Random) -> Kind:
    """One of them, by their shares."""
    return numbers.choices(KINDS, [kind.share for kind in KINDS])[0]
