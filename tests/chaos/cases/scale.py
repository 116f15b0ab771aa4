"""The size of a run: its duration, load and faults. All times are in seconds."""

import os
from dataclasses import dataclass, replace
from typing import Any, Self

from worker.settings import AttemptSettings


def _default(name: str) -> Any:
    return AttemptSettings.model_fields[name].default


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of one run.

    Attributes:
        seconds: how long load and faults last. The phases before and after have limits of their own.
        seed: of the load and of the faults.
        workers, apis, pages: numbers of processes, and of renders at once in a worker.
        lease_s, heartbeat_s, sweep_s, grace_s: settings of the workers.
        engine_timeout_s: DATABASE_TIMEOUT_S and S3_TIMEOUT_S; None: the product's defaults.
        jobs_per_s: mean rate of submitted jobs.
        burst, burst_every_s: how many jobs are submitted at once, and how often, so that jobs have to queue.
        slow_ms: the shortest and the longest time that a slow page takes.
        open_limit: no jobs are submitted while so many are open.
        process_gap_s, engine_gap_s: shortest and longest pause between two faults of a lane.
        outage_s: shortest and longest outage of an engine or of the network.
        redis_gone_s: how long the episode without Redis lasts. That of Postgres lasts `postgres_gone_s`.
        calm_kills: how many workers are killed in the episode that measures recovery.
        margin_s: added to the product's time limits, because checks once a second find a fault later.
        drain_s: how long after the last fault an accepted job may be open.
    """

    seconds: float
    seed: int
    workers: int
    apis: int
    pages: int
    lease_s: float
    heartbeat_s: float
    sweep_s: float
    grace_s: float
    engine_timeout_s: float | None
    jobs_per_s: float
    burst: int
    burst_every_s: float
    slow_ms: tuple[int, int]
    open_limit: int
    process_gap_s: tuple[float, float]
    engine_gap_s: tuple[float, float]
    outage_s: tuple[float, float]
    redis_gone_s: float
    calm_kills: int
    margin_s: float
    drain_s: float

    @classmethod
    def long(cls, *, seconds: float, seed: int, workers: int) -> Self:
        """With the product's default settings. The full run takes half an hour."""
        return cls(
            seconds=seconds,
            seed=seed,
            workers=workers,
            apis=2,
            pages=max(1, min(2, os.cpu_count() or 1)),
            lease_s=_default("lease_s"),
            heartbeat_s=_default("heartbeat_interval_s"),
            sweep_s=_default("sweep_interval_s"),
            grace_s=_default("shutdown_grace_s"),
            engine_timeout_s=None,
            jobs_per_s=3,
            burst=25,
            burst_every_s=20,
            slow_ms=(1_000, 5_000),
            open_limit=200,
            process_gap_s=(1, 6),
            engine_gap_s=(15, 50),
            outage_s=(0, 6),
            redis_gone_s=60,
            calm_kills=3,
            margin_s=1.5,
            drain_s=120,
        )

    @classmethod
    def short(cls, *, seconds: float, seed: int, workers: int = 2) -> Self:
        """With short leases and few processes, so that a run takes seconds."""
        return replace(
            cls.long(seconds=seconds, seed=seed, workers=workers),
            apis=1,
            lease_s=2,
            heartbeat_s=0.5,
            sweep_s=0.5,
            grace_s=1,
            engine_timeout_s=2,
            jobs_per_s=2,
            burst=8,
            burst_every_s=4,
            slow_ms=(300, 1_200),
            open_limit=16,
            process_gap_s=(0, 0.5),
            engine_gap_s=(0.3, 1),
            outage_s=(0, 0.5),
            redis_gone_s=2,
            calm_kills=1,
            margin_s=3,
            drain_s=25,
        )

    @property
    def sweep_bound_s(self) -> float:
        """The longest interval between two sweeps."""
        return self.sweep_s

    @property
    def past_lease_s(self) -> float:
        """Long enough for other workers to take the jobs of a worker that does not renew its leases."""
        return self.lease_s + self.sweep_bound_s + 1

    @property
    def postgres_gone_s(self) -> float:
        """How long Postgres does not run in its episode: longer than a lease."""
        return 1.6 * self.lease_s

    @property
    def recovery_bound_s(self) -> float:
        """In this time a job of a killed worker must run again."""
        return self.lease_s + 5

    @property
    def variables(self) -> dict[str, str]:
        """Settings of the product's processes."""
        named: dict[str, float | None] = {
            "BROWSER_MAX_PAGES": self.pages,
            "LEASE_S": self.lease_s,
            "HEARTBEAT_INTERVAL_S": self.heartbeat_s,
            "SWEEP_INTERVAL_S": self.sweep_s,
            "SHUTDOWN_GRACE_S": self.grace_s,
            "DATABASE_TIMEOUT_S": self.engine_timeout_s,
            "S3_TIMEOUT_S": self.engine_timeout_s,
        }
        return {f"RENDERFLEET_{name}": f"{value:g}" for name, value in named.items() if value is not None}
