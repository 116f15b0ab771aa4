"""Whether this worker can render, and why not: one document."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from fleet.telemetry.probes import Condition, DependencyState, Probes
from fleet.workers.vitals import Sandbox
from worker.health.canary import Canary
from worker.pool.pool import Pool

NO_SANDBOX: Final = "pages are rendered without Chromium's sandbox (CHROMIUM_SANDBOX=off)"


class WorkerReadinessStatus(StrEnum):
    """Whether jobs given to this worker would be rendered."""

    READY = "ready"
    UNAVAILABLE = "unavailable"


class BrowserState(BaseModel):
    """The browser that renders now."""

    generation: int = Field(description="How many browsers this worker has had, with this one.")
    age_s: float | None = Field(description="Seconds since its launch; null while there is none.")
    sandbox: Sandbox | None = Field(
        description="Chromium's sandbox: on (seen at a page's process), off (CHROMIUM_SANDBOX) or unverified "
        "(no /proc here)."
    )


class WorkerReadinessDocument(BaseModel):
    """What a worker says of itself."""

    status: WorkerReadinessStatus = Field(description="ready (200) or unavailable (503).")
    reasons: list[str] = Field(description="Why it is not ready.")
    worker_id: str = Field(description="Its id in `GET /v1/fleet`.")
    browser: BrowserState = Field(description="The browser that renders now.")
    warnings: list[str] = Field(description="What is not as it should be, and does not keep it from working.")
    slots: int = Field(description="Renders at once.")
    busy: int = Field(description="Slots that are taken.")
    takes_jobs: bool = Field(description="Whether it takes jobs now. A worker that does not can be ready.")
    holds: list[str] = Field(description="Why it takes none.")
    rendered_s: float | None = Field(description="Seconds since a render last succeeded, canaries included.")
    dependencies: dict[str, DependencyState] = Field(description="postgres, redis and s3.")


class WorkerReadiness:
    """Puts the document together from what the parts of a worker know."""

    def __init__(
        self,
        worker_id: str,
        pool: Pool,
        canary: Canary,
        probes: Probes,
        *,
        slots: int,
        holds: Callable[[], list[str]],
    ) -> None:
        self._worker_id = worker_id
        self._pool = pool
        self._canary = canary
        self._probes = probes
        self._slots = slots
        self._holds = holds

    async def document(self) -> WorkerReadinessDocument:
        """Ask everything. A worker is of no use without any of Postgres, Redis and S3."""
        dependencies = await self._probes.states()
        doubt, holds, numbers = self._canary.doubt, self._holds(), self._pool.numbers
        reasons = [] if doubt is None else [doubt]
        reasons += [
            f"{name} does not answer: {state.reason}"
            for name, state in dependencies.items()
            if state.status is Condition.DOWN
        ]
        if reasons:
            reasons += [f"no jobs are taken: {hold}" for hold in holds]
        succeeded_s = self._canary.succeeded_s
        return WorkerReadinessDocument(
            status=WorkerReadinessStatus.UNAVAILABLE if reasons else WorkerReadinessStatus.READY,
            reasons=reasons,
            worker_id=self._worker_id,
            browser=BrowserState(
                generation=self._pool.generation,
                age_s=None if numbers is None else round(time.time() - numbers.launched_at, 1),
                sandbox=self._pool.sandbox,
            ),
            warnings=[NO_SANDBOX] if self._pool.sandbox is Sandbox.OFF else [],
            slots=self._slots,
            busy=self._pool.busy,
            takes_jobs=not holds,
            holds=holds,
            rendered_s=None if succeeded_s is None else round(succeeded_s, 1),
            dependencies=dict(dependencies),
        )
