"""What a worker tells of its health with each heartbeat.

Workers of two versions may report to one database: fields are only added, each with a default.
"""

from enum import StrEnum

from pydantic import BaseModel, Field


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
