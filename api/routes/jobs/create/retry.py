"""Running a job anew that ended without success."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic_core import from_json, to_json
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Renderer
from api.http.path_ids import JOB, JobId
from api.http.prefer import preferred_wait_s
from api.http.problems import (
    RefusedError,
    not_found,
    refused_field,
    refused_input,
)
from api.http.request_body import has_body, read_json_body
from api.openapi.operations.jobs import RETRY_JOB
from api.openapi.operations.parts import problems
from api.routes.jobs.create.enqueue import hand_over, idempotency_key, job_answer
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from fleet.errors import ErrorType
from fleet.jobs.create.accept import Acceptance
from fleet.jobs.create.retry import (
    Original,
    OriginalChangedError,
    accept_retry,
    find_accepted_retry,
    find_original,
)
from fleet.jobs.files.evidence import replay_problem
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.render.stored import StoredRequestError, read_stored
from fleet.tenants.tenant import Tenant
from fleet.vault import Purpose, SecretOwner

# So much of a name is repeated in an answer: a caller may send longer ones.
_MAX_NAME_LENGTH: Final = 100
_REPLAY: Final = "replay"
# A replay sends nothing to the web, so it does not need these. It needs what the page itself can read, such
# as cookies.
_ONLY_SENT: Final = frozenset({"headers", "basic_auth", "proxy"})

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "/{job_id}/retry",
    openapi_extra=RETRY_JOB,
    **problems(401, 403, 404, 409, 413, 415, 422, 429, 503),
)
async def retry_job(
    request: Request, job_id: JobId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Run a failed, cancelled or expired job anew, as a new job with the same request.

    The job's credentials were erased when it ended: send those that it had once more, and nothing else. A
    job without credentials needs no body. `expires_in_s` counts from now; a `run_at` that is over means now.
    A job in quarantine leaves it, and the new one has a browser of its own. `Idempotency-Key` and
    `Prefer: wait=N` as in `POST /v1/jobs`.

    With `replay: true`, any ended job is rendered from its evidence, without the web: it needs
    `evidence: {bodies: true}`. Then `headers`, `basic_auth` and `proxy` are not sent again.
    """
    sent = await _sent_credentials(request, dependencies)
    is_replay = _is_replay(sent)
    accepted = await accept_anew(
        dependencies, tenant, job_id, sent, key=idempotency_key(request), is_replay=is_replay
    )
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    job = await hand_over(request, dependencies, tenant, accepted, wait_s=wait_s)
    return job_answer(dependencies, job, wait_s)


async def accept_anew(
    dependencies: Dependencies,
    tenant: Tenant,
    job_id: UUID,
    sent: Mapping[str, Any],
    *,
    key: str | None = None,
    is_replay: bool = False,
) -> Acceptance:
    """Accept a new job with the request of one that has ended; it is not handed over yet.

    Args:
        dependencies: of this process.
        tenant: whose jobs they are.
        job_id: the ended job.
        sent: the credentials that the caller sends again, by name.
        key: the idempotency key of the call.
        is_replay: whether the new job is rendered from the evidence of the old one.

    Raises:
        RefusedError: there is no such job, it cannot be run anew, or a limit is reached.
        IdempotencyConflictError: the key was used with another call before.
        UnavailableError: Postgres does not answer.
    """
    original, render = await _original(dependencies, tenant, job_id, sent, is_replay=is_replay)
    accepted = await find_accepted_retry(
        dependencies.database,
        dependencies.vault,
        original=original,
        request=render,
        tenant_id=tenant.id,
        idempotency_key=key,
        is_replay=is_replay,
    )
    if accepted is not None:
        return accepted
    await require_own_pdfs(dependencies, tenant, render)
    try:
        async with dependencies.quotas.admitted(tenant):
            return await accept_retry(
                dependencies.database,
                dependencies.vault,
                tenant_id=tenant.id,
                original=original,
                request=render,
                idempotency_key=key,
                is_replay=is_replay,
            )
    except OriginalChangedError:
        await _original(dependencies, tenant, job_id, sent, is_replay=is_replay)  # says what is gone
        raise


async def _sent_credentials(request: Request, dependencies: Dependencies) -> dict[str, Any]:
    """The body of the call: credentials by name; empty if there is no body.

    Raises:
        RefusedError: it is too large, or no JSON object.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    if not has_body(request):
        return {}
    body = await read_json_body(request, dependencies.body_limits)
    try:
        sent = from_json(body)
    except ValueError as error:
        raise refused_field(None, f"the body is not valid JSON: {error}") from None
    if not isinstance(sent, dict):
        raise refused_field(None, "the body must be a JSON object")
    return sent


def _is_replay(sent: dict[str, Any]) -> bool:
    """Take the word that asks for a replay out of the body.

    Raises:
        RefusedError: it is neither true nor false.
    """
    given = sent.pop(_REPLAY, False)
    if not isinstance(given, bool):
        raise refused_field(_REPLAY, "is not usable", allowed="true or false")
    return given


async def _original(
    dependencies: Dependencies, tenant: Tenant, job_id: UUID, sent: Mapping[str, Any], *, is_replay: bool
) -> tuple[Original, RenderRequest]:
    """The job that is to be run anew, and its request.

    Args:
        dependencies: of this process.
        tenant: who calls.
        job_id: the job, as in the path.
        sent: the credentials that the caller sends again.
        is_replay: whether it is to be rendered from its evidence.

    Raises:
        RefusedError: there is none, or it cannot be run anew.
    """
    original = await find_original(
        dependencies.database, job_id=job_id, tenant_id=tenant.id, is_replay=is_replay
    )
    if original is None:
        raise not_found(JOB)
    if not original.state.is_terminal:
        raise RefusedError(
            ErrorType.JOB_NOT_FINISHED,
            f"the job is {original.state.value}; only an ended one can be run anew",
        )
    if is_replay and (problem := replay_problem(await dependencies.job_of(tenant, job_id))) is not None:
        raise RefusedError(ErrorType.NOT_REPLAYABLE, problem)
    if original.request is None:
        raise RefusedError(
            ErrorType.JOB_FINISHED,
            f"the job {original.state.value}; to render its page again, send the request with POST /v1/jobs",
        )
    require_all_sent(original, sent, unneeded=_ONLY_SENT if is_replay else frozenset())
    return original, read_again(dependencies, tenant, original.id, original.request, sent)


def read_again(
    dependencies: Dependencies,
    tenant: Tenant,
    job_id: UUID,
    stored: SealedRequest,
    sent: Mapping[str, Any],
) -> RenderRequest:
    """The request of an ended job, with the credentials that were sent again.

    Raises:
        RefusedError: it is not valid any more.
        fleet.vault.UnsealError: its secrets cannot be read.
    """
    try:
        return read_stored(
            stored,
            dependencies.vault,
            owner=SecretOwner(Purpose.JOB, tenant.id, job_id),
            policy=dependencies.policy_for(tenant),
            credentials_json=to_json(dict(sent)).decode(),
        )
    except StoredRequestError as error:
        raise refused_input(error.validation, RenderRequest) from None


def require_all_sent(
    original: Original, sent: Collection[str], *, unneeded: frozenset[str] = frozenset()
) -> None:
    """Do nothing if the caller has sent what was erased, and nothing else.

    Raises:
        RefusedError: something is missing, or would silently be left out.
    """
    if gone := original.erased_content:
        raise RefusedError(
            ErrorType.SECRETS_ERASED,
            f"{_listed(gone)} erased with the job's artifact; to render it again, send the request anew with "
            "POST /v1/jobs",
        )
    erased = original.erased_credentials - unneeded
    for name in sent:
        if name not in erased:
            allowed = f"in the body of this call: {', '.join(sorted(erased))}" if erased else "no body"
            message = "was not erased: the job is run with the options that it had"
            if name in unneeded:
                message = "is not needed: a replay sends nothing to anybody"
            raise refused_field(name[:_MAX_NAME_LENGTH], message, allowed=allowed)
    if missing := erased.difference(sent):
        example = ", ".join(f'"{name}": …' for name in sorted(missing))
        raise RefusedError(
            ErrorType.SECRETS_ERASED,
            f"{_listed(missing)} erased when the job ended; "
            f"send {{{example}}} again as the body of this call",
        )


def _listed(fields: Collection[str]) -> str:
    names = " and ".join(f"`{name}`" for name in sorted(fields))
    return f"{names} {'was' if len(fields) == 1 else 'were'}"
