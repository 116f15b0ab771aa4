"""The evidence of a job: its file name, its presigned address, and whether it can be rendered from."""

from typing import Final

from fleet.artifacts.keys import EVIDENCE, SignedAddress
from fleet.artifacts.store import Artifacts
from fleet.jobs.job import Job

CONTENT_TYPE: Final = "application/zip"


def evidence_disposition(job: Job) -> str:
    """`Content-Disposition` of the evidence (RFC 6266): it is saved, since it holds other people's pages."""
    return f'attachment; filename="{job.id}-evidence.{EVIDENCE}"'


def signed_evidence(store: Artifacts, job: Job) -> SignedAddress | None:
    """A presigned address of the job's evidence, if it has one. Takes 0.2 ms and no network."""
    if job.evidence is None or job.artifact_erased_at is not None:
        return None
    return store.sign(job.evidence.key, content_type=CONTENT_TYPE, disposition=evidence_disposition(job))


def replay_problem(job: Job) -> str | None:
    """Why a job cannot be rendered from its evidence, in words for its owner; None: it can."""
    facts = job.evidence
    if facts is None:
        return "it has no evidence: send its request with `evidence: {bodies: true}`, then replay that job"
    if job.artifact_erased_at is not None:
        return f"its evidence was erased at {job.artifact_erased_at:%Y-%m-%dT%H:%M:%SZ}"
    if not facts.bodies:
        return (
            "its evidence does not hold what the page was answered: that takes `evidence: {bodies: true}`, "
            "not `evidence: true`"
        )
    if facts.lacks_answers:
        return f"its evidence is not whole: {'; '.join(facts.left_out)}"
    return None
