"""What a worker tells of its health with each heartbeat, and whose memory is out of line.

Workers of two versions may report to one database: fields are only added, each with a default.
"""

from collections.abc import Mapping
from enum import StrEnum
from statistics import median
from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field

from fleet.outliers import grows, stands_out

_MIB: Final = 2**20
_HOUR_S: Final = 3600.0
# Caches and heaps of a new worker fill with its first renders; before, it is no peer of those that work.
_FEWEST_RENDERS: Final = 50


class Sandbox(StrEnum):
    """Whether a worker's pages are in Chromium's sandbox."""

    ON = "on"
    OFF = "off"
    UNVERIFIED = "unverified"


class MemoryVitals(BaseModel):
    """Memory of a worker's processes, and of the container that they are in. Bytes."""

    rss_bytes: int = Field(
        default=0, description="Resident memory of all its processes; what they share is counted in each."
    )
    pss_bytes: int | None = Field(
        default=None, description="Same, shared pages counted once; null where the system does not tell."
    )
    python_pss_bytes: int | None = Field(default=None, description="Part of it: the worker itself.")
    driver_pss_bytes: int | None = Field(default=None, description="Part of it: Playwright's driver.")
    browser_pss_bytes: int | None = Field(
        default=None, description="Part of it: Chromium without the pages' own processes."
    )
    renderers_pss_bytes: int | None = Field(default=None, description="Part of it: the pages' processes.")
    resting_bytes: int = Field(
        default=0,
        description="Least of the last 5 to 10 minutes: what stays between renders. PSS, or else RSS.",
    )
    growth_bytes_per_hour: int | None = Field(
        default=None, description="How fast that grows, over up to a day; null within the first hour."
    )
    growth_over_s: float = Field(default=0.0, description="Seconds over which it was measured.")
    limit_bytes: int = Field(default=0, description="Memory limit of the container, or the machine's memory.")
    used_bytes: int = Field(
        default=0, description="Used of it, by whoever is in it, without page cache that may be dropped."
    )
    free_bytes: int = Field(default=0, description="Left of it.")
    oom_kills: int | None = Field(
        default=None, description="Processes of the container that the kernel killed for want of memory."
    )


class BrowserVitals(BaseModel):
    """A worker's browsers since it started."""

    renders: int = Field(default=0, description="Renders of its current browser.")
    renders_total: int = Field(default=0, description="Renders of all its browsers.")
    recycles: dict[str, int] = Field(default_factory=dict, description="Planned replacements by reason.")
    crashes: dict[str, int] = Field(default_factory=dict, description="Unplanned ends by reason.")
    recycle_overlap_percent: float = Field(
        default=0.0, description="Share of the renders that were under way while a browser was replaced."
    )
    recycle_added_wait_ms: float = Field(
        default=0.0, description="By how much longer these waited for their page than others, on average."
    )
    recycle_longest_wait_ms: float = Field(default=0.0, description="The longest that one of them waited.")


class Vitals(BaseModel):
    """All that a worker tells of its health."""

    holds: list[str] = Field(default_factory=list, description="Why it takes no jobs; empty when it does.")
    cpu_percent: float | None = Field(default=None, description="CPU time of all its processes.")
    sandbox: Sandbox | None = Field(default=None, description="Whether pages are in Chromium's sandbox.")
    memory: MemoryVitals | None = None
    browser: BrowserVitals = BrowserVitals()


def out_of_line(workers: Mapping[UUID, tuple[int, Vitals]]) -> dict[UUID, str]:
    """The workers whose memory looks like a leak, each with the reason in words.

    Peers are workers with as many slots that have worked: they should need about the same.

    Args:
        workers: slots and vitals of each.
    """
    peers: dict[int, dict[UUID, float]] = {}
    reasons: dict[UUID, str] = {}
    for worker_id, (slots, vitals) in workers.items():
        memory = vitals.memory
        if memory is None:
            continue
        if vitals.browser.renders_total >= _FEWEST_RENDERS:
            peers.setdefault(slots, {})[worker_id] = memory.resting_bytes
        slope = memory.growth_bytes_per_hour
        if slope is not None and grows(slope, over_s=memory.growth_over_s):
            hours = memory.growth_over_s / _HOUR_S
            reasons[worker_id] = f"grows by {slope / _MIB:.0f} MiB an hour, for {hours:.0f} h now"
    for resting in peers.values():
        for worker_id in stands_out(resting):
            usual = median(other for peer_id, other in resting.items() if peer_id != worker_id)
            words = (
                f"{resting[worker_id] / _MIB:.0f} MiB at rest, where its peers have {usual / _MIB:.0f} MiB"
            )
            reasons[worker_id] = "; ".join(filter(None, (words, reasons.get(worker_id))))
    return reasons
