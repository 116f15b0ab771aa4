"""The document of `/readyz`: whether this worker can render, and if not, why."""

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

    generation: int = Field(description="How many browsers this worker has had, this one included.")
    age_s: float | None = Field(description="Seconds since its launch; null while there is no browser.")
    sandbox: Sandbox | None = Field(
        description="Chromium's sandbox: on (a page's process was checked), off (CHROMIUM_SANDBOX) or "
        "unverified (this system has no /proc)."
    )


class WorkerReadinessDocument(BaseModel):
    """The answer of a worker's `/readyz`."""

    status: WorkerReadinessStatus = Field(description="ready (200) or unavailable (503).")
    reasons: list[str] = Field(description="Why it is not ready.")
    worker_id: str = Field(description="Its id in `GET /v1/fleet`.")
    browser: BrowserState = Field(description="The browser that renders now.")
    warnings: list[str] = Field(description="Faults that do not keep it from rendering.")
    slots: int = Field(description="How many renders may run at once.")
    busy: int = Field(description="How many slots are in use.")
    takes_jobs: bool = Field(description="Whether it takes jobs now. A ready worker may take none.")
    holds: list[str] = Field(description="Why it takes no jobs.")
    rendered_s: float | None = Field(description="Seconds since a render last succeeded, canaries included.")
    dependencies: dict[str, DependencyState] = Field(description="postgres, redis and s3.")


class WorkerReadiness:
    """Makes the document from the state of the worker's parts."""

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
        """Make the document. A worker needs Postgres, Redis and S3: without one of them it is not ready."""
        dependencies = await self._probes.states()
        cannot_render, holds, numbers = self._canary.not_ready_reason, self._holds(), self._pool.numbers
        reasons = [] if cannot_render is None else [cannot_render]
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
