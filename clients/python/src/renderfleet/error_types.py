"""One exception class for each error type of the API; docs/errors.md of renderfleet explains them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from renderfleet.errors import ApiError, JobFailed

if TYPE_CHECKING:
    from renderfleet.models.jobs import Job, Problem

# Errors that only jobs have.


class NameNotResolved(JobFailed):
    """The host name does not resolve."""


class ConnectionFailed(JobFailed):
    """The target did not accept or keep the connection."""


class TlsError(JobFailed):
    """The target's certificate or TLS handshake failed."""


class NavigationTimeout(JobFailed):
    """The page was not ready in time."""


class RenderTimeout(JobFailed):
    """The attempt reached its deadline."""


class HttpStatusRejected(JobFailed):
    """The target answered with a status that is not accepted."""


class ContentRejected(JobFailed):
    """The page's content is not accepted."""


class SelectorNotFound(JobFailed):
    """The selector matches nothing."""


class ScriptFailed(JobFailed):
    """A script of the request failed."""


class PageCrashed(JobFailed):
    """The page's process crashed."""


class MemoryLimitExceeded(JobFailed):
    """The page needed more memory than a render may use."""


class ArtifactTooLarge(JobFailed):
    """The picture or document is larger than allowed."""


class PdfFailed(JobFailed):
    """The PDF could not be made."""


class BrowserUnavailable(JobFailed):
    """The browser ended or did not answer."""


class EgressUnavailable(JobFailed):
    """The connection to the internet does not work."""


class WorkerLost(JobFailed):
    """The worker disappeared during the attempt."""


class ReplayFailed(JobFailed):
    """The job could not be rendered from the evidence of another one."""


class JobCancelled(JobFailed):
    """The job was cancelled."""


class JobExpired(JobFailed):
    """The job expired before it could finish."""


# Errors that calls have. A job with one of these types raises `JobFailed` itself. One exception: with
# `not_replayable`, a job raises `ReplayFailed` and a call raises `NotReplayable`.


class InvalidRequest(ApiError):
    """The request is not valid."""


class UrlBlocked(ApiError):
    """The address is not allowed."""


class StorageUnavailable(ApiError):
    """The artifact could not be stored or read."""


class SecretsUnreadable(ApiError):
    """The request's secrets cannot be read."""


class InternalError(ApiError):
    """renderfleet failed unexpectedly."""


class Unauthorized(ApiError):
    """A valid API key is needed."""


class Forbidden(ApiError):
    """The API key does not allow this."""


class LinkNotSigned(ApiError):
    """The link is not signed with a valid API key."""


class LinkExpired(ApiError):
    """The link has expired."""


class NotFound(ApiError):
    """There is nothing at this address."""


class MethodNotAllowed(ApiError):
    """The method is not allowed here."""


class IdempotencyConflict(ApiError):
    """The idempotency key was used with another request."""


class JobNotFinished(ApiError):
    """The job has not finished yet."""


class NoArtifact(ApiError):
    """The job has no artifact."""


class NoThumbnail(ApiError):
    """There is no small picture of this artifact."""


class NoEvidence(ApiError):
    """The job has no evidence."""


class NotReplayable(ApiError):
    """The job cannot be rendered from its evidence."""


class NotComparable(ApiError):
    """The artifacts cannot be compared."""


class ArtifactExpired(ApiError):
    """The artifact was erased."""


class RenderPending(ApiError):
    """The render is not ready yet."""


class SecretsErased(ApiError):
    """Secrets of the job were erased."""


class MalformedRequest(ApiError):
    """The request is not valid HTTP."""


class MisdirectedRequest(ApiError):
    """The API does not answer to this host name."""


class HeadTooLarge(ApiError):
    """The request's address and headers are too large."""


class TooManyConnections(ApiError):
    """The server has too many connections."""


class BodyTooLarge(ApiError):
    """The request body is too large."""


class UnsupportedMediaType(ApiError):
    """The body's media type or encoding is not supported."""


class RangeNotSatisfiable(ApiError):
    """The requested range lies outside the artifact."""


class DatabaseUnavailable(ApiError):
    """The database does not answer."""


class TooManyWaiters(ApiError):
    """Too many calls wait for jobs at this server."""


class JobNotQueued(ApiError):
    """The job does not wait any more."""


class JobFinished(ApiError):
    """The job has already finished."""


class QuotaExceeded(ApiError):
    """You have reached your limit of jobs."""


class RateLimited(ApiError):
    """You make too many calls."""


class TenantExists(ApiError):
    """A tenant of this name exists already."""


class LastAdminKey(ApiError):
    """This is the last working key with the scope admin."""


class TooManyWebhooks(ApiError):
    """You have reached the limit of webhooks."""


class TooManySchedules(ApiError):
    """You have reached the limit of schedules."""


JOB_ERRORS: Final[Mapping[str, type[JobFailed]]] = {
    "name_not_resolved": NameNotResolved,
    "connection_failed": ConnectionFailed,
    "tls_error": TlsError,
    "navigation_timeout": NavigationTimeout,
    "render_timeout": RenderTimeout,
    "http_status_rejected": HttpStatusRejected,
    "content_rejected": ContentRejected,
    "selector_not_found": SelectorNotFound,
    "script_failed": ScriptFailed,
    "page_crashed": PageCrashed,
    "memory_limit_exceeded": MemoryLimitExceeded,
    "artifact_too_large": ArtifactTooLarge,
    "pdf_failed": PdfFailed,
    "browser_unavailable": BrowserUnavailable,
    "egress_unavailable": EgressUnavailable,
    "worker_lost": WorkerLost,
    "not_replayable": ReplayFailed,
    "cancelled": JobCancelled,
    "expired": JobExpired,
}
CALL_ERRORS: Final[Mapping[str, type[ApiError]]] = {
    "invalid_request": InvalidRequest,
    "url_blocked": UrlBlocked,
    "storage_unavailable": StorageUnavailable,
    "secrets_unreadable": SecretsUnreadable,
    "internal_error": InternalError,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "link_not_signed": LinkNotSigned,
    "link_expired": LinkExpired,
    "not_found": NotFound,
    "method_not_allowed": MethodNotAllowed,
    "idempotency_conflict": IdempotencyConflict,
    "job_not_finished": JobNotFinished,
    "no_artifact": NoArtifact,
    "no_thumbnail": NoThumbnail,
    "no_evidence": NoEvidence,
    "not_replayable": NotReplayable,
    "not_comparable": NotComparable,
    "artifact_expired": ArtifactExpired,
    "render_pending": RenderPending,
    "secrets_erased": SecretsErased,
    "malformed_request": MalformedRequest,
    "misdirected_request": MisdirectedRequest,
    "head_too_large": HeadTooLarge,
    "too_many_connections": TooManyConnections,
    "body_too_large": BodyTooLarge,
    "unsupported_media_type": UnsupportedMediaType,
    "range_not_satisfiable": RangeNotSatisfiable,
    "database_unavailable": DatabaseUnavailable,
    "too_many_waiters": TooManyWaiters,
    "job_not_queued": JobNotQueued,
    "job_finished": JobFinished,
    "quota_exceeded": QuotaExceeded,
    "rate_limited": RateLimited,
    "tenant_exists": TenantExists,
    "last_admin_key": LastAdminKey,
    "too_many_webhooks": TooManyWebhooks,
    "too_many_schedules": TooManySchedules,
}


def job_failed(job: "Job") -> JobFailed:
    """The exception for a job that ended without success."""
    kind = JOB_ERRORS.get(job.error.type, JobFailed) if job.error else JobFailed
    return kind(job)


def call_refused(problem: "Problem", retry_after_s: float | None = None) -> ApiError:
    """The exception for an answer with an error status."""
    return CALL_ERRORS.get(problem.type, ApiError)(problem, retry_after_s)
