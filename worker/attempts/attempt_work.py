"""What one attempt works on, and what is recorded of it when it has succeeded."""

from dataclasses import dataclass, replace
from pathlib import Path

from fleet.artifacts.keys import artifact_key
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import EvidenceFacts
from fleet.jobs.job import State
from fleet.render.request import RenderRequest
from worker.attempts.comparison import ComparisonResult
from worker.attempts.ending import AttemptPage
from worker.attempts.evidence import warning
from worker.render.pipeline import Rendered


@dataclass(frozen=True, slots=True)
class AttemptWork:
    """What one attempt works on.

    Attributes:
        attempt: the claimed attempt.
        attempt_page: what becomes known of its page.
        request: what to render.
        folder: of this worker, for files.
    """

    attempt: JobAttempt
    attempt_page: AttemptPage
    request: RenderRequest
    folder: Path

    @property
    def key(self) -> str:
        """Under which the artifact is stored."""
        one = self.attempt
        return artifact_key(one.tenant_id, one.job_id, one.attempt, one.created_at, self.request.format.value)

    @property
    def path(self) -> Path:
        """The file of the artifact until it is stored."""
        return self.folder / f"{self._name}.{self.request.format.value}"

    @property
    def files_folder(self) -> Path:
        """Where the files of the page are unpacked."""
        return self.folder / f"{self._name}.files"

    @property
    def _name(self) -> str:
        return f"{self.attempt.job_id}-{self.attempt.attempt}"


def outcome_of(
    work: AttemptWork, rendered: Rendered, compared: ComparisonResult, kept: EvidenceFacts | None
) -> AttemptOutcome:
    """What is recorded of an attempt that has succeeded."""
    attempt_page = work.attempt_page
    return AttemptOutcome(
        state=State.SUCCEEDED,
        browser_generation=attempt_page.generation,
        memory_peak_bytes=attempt_page.memory_peak_bytes,
        artifact_key=work.key,
        artifact=replace(rendered.artifact, fingerprint=compared.fingerprint),
        page=rendered.page,
        timings_ms=rendered.timings_ms | attempt_page.timings_ms,
        warnings=[*rendered.warnings, *compared.warnings, *warning(attempt_page.evidence, kept)],
        unchanged=compared.unchanged,
        blocked=rendered.blocked,
        verdict=rendered.verdict,
        comparison=compared.comparison,
        evidence=kept,
    )
