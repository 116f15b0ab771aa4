"""What a worker reports about its health at each heartbeat.

Workers of two versions may report to the same database. So fields may only be added, each with a default.
"""

from enum import StrEnum

from pydantic import BaseModel, Field


class Sandbox(StrEnum):
    """Whether a worker's pages are in Chromium's sandbox."""

    ON = "on"
    OFF = "off"
    UNVERIFIED = "unverified"


class MemoryVitals(BaseModel):
    """Memory of a worker's processes and of its container, in bytes."""

    rss_bytes: int = Field(
        default=0,
        description="Resident memory (RSS) of all its processes. Shared memory is counted once per process.",
    )
    pss_bytes: int | None = Field(
        default=None,
        description="The same with shared memory counted once (PSS); null if the system has no such figure.",
    )
    python_pss_bytes: int | None = Field(
        default=None, description="Part of `pss_bytes`: the worker's Python process."
    )
    driver_pss_bytes: int | None = Field(
        default=None, description="Part of `pss_bytes`: Playwright's driver."
    )
    browser_pss_bytes: int | None = Field(
        default=None, description="Part of `pss_bytes`: Chromium without the processes of pages."
    )
    renderers_pss_bytes: int | None = Field(
        default=None, description="Part of `pss_bytes`: the processes of pages."
    )
    resting_bytes: int = Field(
        default=0,
        description="Lowest memory of the last 5 to 10 minutes, so mostly between renders: PSS if it is "
        "known, otherwise RSS.",
    )
    growth_bytes_per_hour: int | None = Field(
        default=None,
        description="How fast `resting_bytes` grows, over a day at most; null within the first hour.",
    )
    growth_over_s: float = Field(
        default=0.0, description="Seconds over which `growth_bytes_per_hour` was measured."
    )
    limit_bytes: int = Field(default=0, description="Memory limit of the container, or the machine's memory.")
    used_bytes: int = Field(
        default=0,
        description="Memory used in the container, by all its processes, without file cache that the kernel "
        "may drop.",
    )
    free_bytes: int = Field(default=0, description="`limit_bytes` minus `used_bytes`.")
    oom_kills: int | None = Field(
        default=None, description="Processes of the container that the kernel killed because memory ran out."
    )


class BrowserVitals(BaseModel):
    """Figures about the browsers that a worker has had since it started."""

    renders: int = Field(default=0, description="Renders of its current browser.")
    renders_total: int = Field(default=0, description="Renders of all its browsers.")
    recycles: dict[str, int] = Field(default_factory=dict, description="Planned replacements by reason.")
    crashes: dict[str, int] = Field(default_factory=dict, description="Unplanned ends by reason.")
    recycle_overlap_percent: float = Field(
        default=0.0,
        description="Percentage of renders during which a browser was replaced according to plan.",
    )
    recycle_added_wait_ms: float = Field(
        default=0.0,
        description="How much longer these renders waited for their page than others, on average.",
    )
    recycle_longest_wait_ms: float = Field(
        default=0.0, description="The longest time that one of these renders waited for its page."
    )


class FilterListVitals(BaseModel):
    """One list of advertisements or trackers."""

    name: str = Field(description="ads or trackers.")
    title: str = Field(description="What the list calls itself.")
    date: str = Field(description="The day of its text, as YYYY-MM-DD.")
    licence: str = Field(description="Under which it may be passed on.")
    homepage: str = Field(description="Whose it is.")
    rules: int = Field(description="How many rules it has.")


class Vitals(BaseModel):
    """All that a worker reports about its health."""

    holds: list[str] = Field(default_factory=list, description="Why it takes no jobs; empty when it does.")
    cpu_percent: float | None = Field(
        default=None, description="CPU time of all its processes, in percent of one core."
    )
    sandbox: Sandbox | None = Field(default=None, description="Whether pages are in Chromium's sandbox.")
    memory: MemoryVitals | None = None
    browser: BrowserVitals = BrowserVitals()
    filter_lists: list[FilterListVitals] = Field(
        default_factory=list, description="The lists of `block_ads` and `block_trackers`."
    )
