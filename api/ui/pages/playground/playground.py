"""`/ui/playground`: try what an option does, and copy the code that does it.

Without script the form is sent, and the page that follows shows the job and refreshes. With script only the
result and the code are fetched. Renders are those of the key that has signed in, as if it had called the API.
"""

import json
import time
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.http.problems import RefusedError
from api.http.request_body import document_of
from api.jobs.waiters import wait_for
from api.routes.jobs.create.enqueue import enqueue
from api.snippets.all_forms import Snippet, snippets
from api.snippets.link import LinkSigner
from api.ui.dashboard_page import DashboardPage
from api.ui.layout.templates import render
from api.ui.pages.playground.options_form import OptionsForm
from api.ui.pages.playground.schedule import SavedSchedule
from api.ui.pages.playground.tries import PATH, Result, Tries
from api.ui.viewer import PAGE_HEADERS, Rendering, Viewer
from fleet.jobs.job import Job
from fleet.jobs.read import get
from fleet.render.request import RenderRequest
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(PATH, "Playground", Scope.RENDER, shortcut="p")
_TEMPLATE: Final = "pages/playground/playground.html"
# How long an answer about a job that goes on is held back: then it comes at the moment of the job's end.
_HELD_S: Final = 3
_LINK_LIFETIME: Final = timedelta(days=30)
_NO_SIGNER: Final = "This API key cannot sign links: it lacks the scope `links`, or is from before they were."

router = APIRouter()


@router.get(PATH)
async def show_playground(viewer: Rendering) -> Response:
    """The form: empty, with options of the address (`url=…`), or with what a job has asked for (`job`)."""
    sent = viewer.request.query_params
    tries = Tries.read(sent.get("tries", ""))
    job = await _job(viewer, sent.get("job", ""))
    app = viewer.request.app
    form = OptionsForm.given(app, sent) if job is None else OptionsForm.filled(app, job.request)
    # A job that was not made here is the first of the strip: it is what the next ones are compared with.
    tries = tries if job is None or job.id in tries.ids else Tries((*tries.ids, job.id))
    result = await Result.of(viewer.dependencies, viewer.tenant, tries, job)
    return await _page(viewer, form, result, sealed=(job.sealed_fields or ()) if job is not None else ())


@router.post(PATH)
async def make_try(viewer: Rendering) -> Response:
    """Render what is asked, or say what is wrong with it."""
    sent = await viewer.form()
    tries = Tries.read(sent.text("tries"))
    form = OptionsForm.sent(viewer.request.app, sent.lists())
    if not form.errors:
        try:
            job = await _enqueue(viewer, form)
        except RefusedError as error:
            form = form.refused(error)
        else:
            viewer.audit("rendered in the playground", job_id=str(job.id))
            return await _made(viewer, job, tries.with_newest(job.id))
    result = await Result.of(viewer.dependencies, viewer.tenant, tries)
    return await _refusal(viewer, form, result, SavedSchedule.sent(sent))


@router.get(f"{PATH}/result")
async def show_result(viewer: Rendering) -> Response:
    """The result alone, which asks for itself again until the job has ended."""
    sent = viewer.request.query_params
    tries = Tries.read(sent.get("tries", ""))
    job = await _job(viewer, sent.get("job", ""))
    if job is not None and not job.state.is_terminal:
        with viewer.dependencies.waiters.watch(job.id, tenant=viewer.tenant) as end:
            job = await wait_for(end, timeout_s=_HELD_S, receive=viewer.request.receive) or job
    return await _result_answer(viewer, tries, job)


@router.post(f"{PATH}/code")
async def show_code(viewer: Rendering) -> Response:
    """The code for the form as it is: alone for a script, else with the page."""
    sent = await viewer.form()
    form = OptionsForm.sent(viewer.request.app, sent.lists())
    chosen = sent.text("code-form")
    if not viewer.wants_fragment:
        result = await Result.of(viewer.dependencies, viewer.tenant, Tries.read(sent.text("tries")))
        return await _page(viewer, form, result, SavedSchedule.sent(sent), chosen=chosen)
    text = render("pages/playground/code.html", codes=await _codes(viewer, form), chosen=chosen)
    return HTMLResponse(text, headers=PAGE_HEADERS)


@router.post(f"{PATH}/schedule")
async def save_schedule(viewer: Rendering) -> Response:
    """Make a schedule of the form, and lead to it."""
    sent = await viewer.form()
    form = OptionsForm.sent(viewer.request.app, sent.lists())
    wanted = SavedSchedule.sent(sent)
    if not form.errors:
        try:
            schedule = await wanted.save(viewer, form.request)
        except RefusedError as error:
            form, wanted = wanted.refused(form, error)
        else:
            viewer.audit("schedule made in the playground", schedule_id=str(schedule.id))
            return viewer.back(f"/ui/schedules/{schedule.id}", "The schedule is stored.")
    result = await Result.of(viewer.dependencies, viewer.tenant, Tries.read(sent.text("tries")))
    return await _refusal(viewer, form, result, wanted)


async def _job(viewer: Viewer, word: str) -> Job | None:
    """The job of a parameter; what is no id, and a job of somebody else, is none."""
    try:
        job_id = UUID(word)
    except ValueError:
        return None
    return await get(viewer.dependencies.database, job_id=job_id, tenant_id=viewer.tenant.id)


async def _enqueue(viewer: Viewer, form: OptionsForm) -> Job:
    dependencies, tenant = viewer.dependencies, viewer.tenant
    wanted = document_of(form.body, RenderRequest, context=dependencies.validation_for(tenant))
    enqueued = await enqueue(viewer.request, dependencies, tenant, wanted, wait_s=None)
    return enqueued.job


async def _made(viewer: Viewer, job: Job, tries: Tries) -> Response:
    if viewer.wants_fragment:
        return await _result_answer(viewer, tries, job)
    return RedirectResponse(tries.address(job.id), HTTPStatus.SEE_OTHER.value)


async def _refusal(viewer: Viewer, form: OptionsForm, result: Result, schedule: SavedSchedule) -> Response:
    """The page with what is wrong. Of an answer to a script, htmx would not show one with the status 422."""
    status = HTTPStatus.OK if viewer.wants_fragment else HTTPStatus.UNPROCESSABLE_ENTITY
    answer = await _page(viewer, form, result, schedule, status=status)
    answer.headers["HX-Retarget"] = "#live"
    answer.headers["HX-Reswap"] = "innerMorph"
    return answer


async def _result_answer(viewer: Viewer, tries: Tries, job: Job | None) -> Response:
    result = await Result.of(viewer.dependencies, viewer.tenant, tries, job)
    text = render("pages/playground/result.html", result=result)
    return HTMLResponse(text, headers=PAGE_HEADERS)


async def _page(
    viewer: Viewer,
    form: OptionsForm,
    result: Result,
    schedule: SavedSchedule | None = None,
    *,
    sealed: tuple[str, ...] | list[str] = (),
    chosen: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    return viewer.page(
        _TEMPLATE,
        status=status,
        form=form,
        result=result,
        schedule=schedule or SavedSchedule(),
        sealed=sealed,
        codes=await _codes(viewer, form),
        chosen=chosen,
    )


async def _codes(viewer: Viewer, form: OptionsForm) -> list[Snippet]:
    """The code for what is asked. What is typed may be wrong: the code then does what the form would."""
    base = str(viewer.request.base_url).rstrip("/")
    request = json.loads(form.body)
    return snippets(base, request, await _signer(viewer))


async def _signer(viewer: Viewer) -> LinkSigner | str:
    links = viewer.dependencies.settings.links
    key = await viewer.dependencies.link_keys.signing_key(viewer.tenant)
    if key is None:
        return _NO_SIGNER
    lifetime_s = min(_LINK_LIFETIME.total_seconds(), links.link_max_lifetime_s)
    return LinkSigner(viewer.tenant.key_id, key, int(time.time() + lifetime_s))
