"""`/ui/jobs/{id}`: what a job has become, and how."""

import json
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import JobId
from api.snippets.curl import curl_render
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.job.result import ResultKind, result_of
from api.ui.pages.job.waterfall import WIDTH, waterfall
from api.ui.pages.jobs.job_line import JobLine
from api.ui.viewer import Reading
from fleet.jobs.attempts.history import attempts_of
from fleet.jobs.create.retry import RETRYABLE_STATES
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job
from fleet.tenants.tenant import Scope
from fleet.webhooks.messages import MessageRecord, list_of_job
from fleet.webhooks.outbox import MessageState

PAGE: Final = DashboardPage(f"{ROOT}/jobs/{{job_id}}", "Job", Scope.READ, is_in_navigation=False)
_SHOW_ALL: Final = "all"

router = APIRouter()


@router.get(PAGE.path)
async def show_job(viewer: Reading, job_id: JobId, show: str = "") -> Response:
    """The page. It is live until nothing more can happen to the job.

    Args:
        viewer: who looks.
        job_id: the job.
        show: `all`: also a picture that may be too large for a browser.
    """
    dependencies = viewer.dependencies
    job = await dependencies.job_of(viewer.tenant, job_id)
    attempts = await attempts_of(dependencies.database, job_id)
    messages = await list_of_job(dependencies.database, job_id=job_id, tenant_id=viewer.tenant.id)
    result = await result_of(job, dependencies.artifacts)
    document = JobDocument.of(job)
    return viewer.page(
        "pages/job/job.html",
        is_live=_may_change(job, messages),
        job=job,
        line=JobLine.of(job),
        document=document,
        result=result,
        kinds=ResultKind,
        shows_all=show == _SHOW_ALL,
        drawing=waterfall(job, attempts, messages, now=datetime.now(UTC)),
        drawing_width=WIDTH,
        attempts=attempts,
        messages=messages,
        request_json=_json(
            {name: value for name, value in document.request.items() if name != "sealed_fields"}
        ),
        curl=curl_render(str(viewer.request.base_url).rstrip("/"), job.request),
        final_url=_safe_link(job),
        may_act=viewer.may(Scope.RENDER),
        can_retry=job.state in RETRYABLE_STATES,
        can_repeat=job.state.is_terminal,
        has_files=_has_files(job),
        verdict=_verdict_facts(document),
    )


def _may_change(job: Job, messages: list[MessageRecord]) -> bool:
    return not job.state.is_terminal or any(message.state is MessageState.PENDING for message in messages)


def _has_files(job: Job) -> bool:
    has_any = job.artifact_key is not None or job.evidence is not None
    return has_any and job.state.is_terminal and job.artifact_erased_at is None


def _safe_link(job: Job) -> str | None:
    """The final address, if it may be a link. The page decides what it is, also `javascript:…`."""
    address = (job.page.final_url if job.page is not None else None) or job.request.get("url")
    try:
        is_web = isinstance(address, str) and urlsplit(address).scheme in ("http", "https")
    except ValueError:
        return None
    return address if is_web else None


def _verdict_facts(document: JobDocument) -> dict[str, str]:
    """What the verdict says beyond its score, in words: whatever is not as in a good picture."""
    if document.verdict is None:
        return {}
    usual = type(document.verdict)()
    found = {}
    for name, value in document.verdict:
        if name in ("score", "reasons", "failed_requests") or value == getattr(usual, name):
            continue
        words = (
            ", ".join(value)
            if isinstance(value, list)
            else f"{value:g}"
            if isinstance(value, float)
            else value
        )
        found[name.replace("_", " ")] = "yes" if value is True else str(words)
    return found


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
