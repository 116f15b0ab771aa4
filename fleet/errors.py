"""Every way in which renderfleet refuses or fails, as one bounded list.

The same word travels in the log line, the metric label, the job's row and the problem document (RFC 9457),
so that an operator can follow one failure through all four. The list is closed: a new failure gets a new
member here, and `docs/errors.md` must describe it (a test holds the two together).

    RenderfleetError
    |-- InvalidRequestError      the caller's words; never retried
    |-- RenderError              an attempt failed; `.retryable` tells whose fault it was
    `-- UnavailableError         a dependency does not answer; try again later
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorType(StrEnum):
    """The stable `type` of a problem document and of `error.type` in a job document."""

    # The outcome of a job.
    INVALID_REQUEST = "invalid_request"
    URL_BLOCKED = "url_blocked"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_FAILED = "connection_failed"
    TLS_ERROR = "tls_error"
    NAVIGATION_TIMEOUT = "navigation_timeout"
    RENDER_TIMEOUT = "render_timeout"
    HTTP_STATUS_REJECTED = "http_status_rejected"
    CONTENT_REJECTED = "content_rejected"
    SELECTOR_NOT_FOUND = "selector_not_found"
    SCRIPT_FAILED = "script_failed"
    PAGE_CRASHED = "page_crashed"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    ARTIFACT_TOO_LARGE = "artifact_too_large"
    PDF_FAILED = "pdf_failed"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    BROWSER_UNAVAILABLE = "browser_unavailable"
    EGRESS_UNAVAILABLE = "egress_unavailable"
    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SECRETS_UNREADABLE = "secrets_unreadable"
    INTERNAL_ERROR = "internal_error"
    # The outcome of a call to the API alone.
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    LINK_NOT_SIGNED = "link_not_signed"
    LINK_EXPIRED = "link_expired"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    JOB_NOT_FINISHED = "job_not_finished"
    NO_ARTIFACT = "no_artifact"
    ARTIFACT_EXPIRED = "artifact_expired"
    RENDER_PENDING = "render_pending"
    SECRETS_ERASED = "secrets_erased"
    MALFORMED_REQUEST = "malformed_request"
    MISDIRECTED_REQUEST = "misdirected_request"
    HEAD_TOO_LARGE = "head_too_large"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    TOO_MANY_WAITERS = "too_many_waiters"
    JOB_FINISHED = "job_finished"
    QUOTA_EXCEEDED = "quota_exceeded"
    RATE_LIMITED = "rate_limited"
    TENANT_EXISTS = "tenant_exists"
    LAST_ADMIN_KEY = "last_admin_key"
    TOO_MANY_WEBHOOKS = "too_many_webhooks"
    TOO_MANY_SCHEDULES = "too_many_schedules"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What is known of an error type without knowing the case.

    Attributes:
        title: one short sentence for people, the same for every occurrence (RFC 9457, section 3.1.3).
        retryable: whether the fleet may run the job again. The page's own faults are final, ours are not.
    """

    title: str
    retryable: bool = False


KINDS: Final[dict[ErrorType, ErrorKind]] = {
    ErrorType.INVALID_REQUEST: ErrorKind("The request is not valid"),
    ErrorType.URL_BLOCKED: ErrorKind("The address may not be rendered"),
    ErrorType.NAME_NOT_RESOLVED: ErrorKind("The host name does not resolve"),
    ErrorType.CONNECTION_FAILED: ErrorKind("The target did not accept or keep the connection"),
    ErrorType.TLS_ERROR: ErrorKind("The target's certificate or TLS handshake failed"),
    ErrorType.NAVIGATION_TIMEOUT: ErrorKind("The page was not ready in time"),
    ErrorType.RENDER_TIMEOUT: ErrorKind("The attempt reached its deadline"),
    ErrorType.HTTP_STATUS_REJECTED: ErrorKind("The target answered with a status that is not accepted"),
    ErrorType.CONTENT_REJECTED: ErrorKind("The page's content is not accepted"),
    ErrorType.SELECTOR_NOT_FOUND: ErrorKind("The selector matches nothing"),
    ErrorType.SCRIPT_FAILED: ErrorKind("A script of the request failed"),
    ErrorType.PAGE_CRASHED: ErrorKind("The page's process crashed", retryable=True),
    ErrorType.MEMORY_LIMIT_EXCEEDED: ErrorKind("The page needed more memory than a render may use"),
    ErrorType.ARTIFACT_TOO_LARGE: ErrorKind("The picture or document is larger than allowed"),
    ErrorType.PDF_FAILED: ErrorKind("The browser could not print the page"),
    ErrorType.STORAGE_UNAVAILABLE: ErrorKind("The artifact could not be stored or read", retryable=True),
    ErrorType.BROWSER_UNAVAILABLE: ErrorKind("The browser ended or did not answer", retryable=True),
    ErrorType.EGRESS_UNAVAILABLE: ErrorKind("The connection to the internet does not work", retryable=True),
    ErrorType.WORKER_LOST: ErrorKind("The worker disappeared during the attempt", retryable=True),
    ErrorType.CANCELLED: ErrorKind("The job was cancelled"),
    ErrorType.EXPIRED: ErrorKind("The job expired before it could finish"),
    ErrorType.SECRETS_UNREADABLE: ErrorKind("The request's secrets cannot be read", retryable=True),
    ErrorType.INTERNAL_ERROR: ErrorKind("renderfleet failed unexpectedly", retryable=True),
    ErrorType.UNAUTHORIZED: ErrorKind("A valid API key is needed"),
    ErrorType.FORBIDDEN: ErrorKind("The API key does not allow this"),
    ErrorType.LINK_NOT_SIGNED: ErrorKind("The link is not signed with a valid API key"),
    ErrorType.LINK_EXPIRED: ErrorKind("The link has expired"),
    ErrorType.NOT_FOUND: ErrorKind("There is nothing at this address"),
    ErrorType.METHOD_NOT_ALLOWED: ErrorKind("The method is not allowed here"),
    ErrorType.IDEMPOTENCY_CONFLICT: ErrorKind("The idempotency key was used with another request"),
    ErrorType.JOB_NOT_FINISHED: ErrorKind("The job has not finished yet"),
    ErrorType.NO_ARTIFACT: ErrorKind("The job has no artifact"),
    ErrorType.ARTIFACT_EXPIRED: ErrorKind("The artifact was erased because its retention has ended"),
    ErrorType.RENDER_PENDING: ErrorKind("The render is not ready yet", retryable=True),
    ErrorType.SECRETS_ERASED: ErrorKind("The job's secrets were erased when it ended"),
    ErrorType.MALFORMED_REQUEST: ErrorKind("The request is not valid HTTP"),
    ErrorType.MISDIRECTED_REQUEST: ErrorKind("The API does not answer to this host name"),
    ErrorType.HEAD_TOO_LARGE: ErrorKind("The request's address and headers are too large"),
    ErrorType.TOO_MANY_CONNECTIONS: ErrorKind("The server has too many connections", retryable=True),
    ErrorType.BODY_TOO_LARGE: ErrorKind("The request body is too large"),
    ErrorType.UNSUPPORTED_MEDIA_TYPE: ErrorKind("The body's media type or encoding is not supported"),
    ErrorType.RANGE_NOT_SATISFIABLE: ErrorKind("The requested range lies outside the artifact"),
    ErrorType.DATABASE_UNAVAILABLE: ErrorKind("The database does not answer", retryable=True),
    ErrorType.TOO_MANY_WAITERS: ErrorKind("Too many calls wait for jobs at this server", retryable=True),
    ErrorType.JOB_FINISHED: ErrorKind("The job has already finished"),
    ErrorType.QUOTA_EXCEEDED: ErrorKind("You have reached your limit of jobs", retryable=True),
    ErrorType.RATE_LIMITED: ErrorKind("You make too many calls", retryable=True),
    ErrorType.TENANT_EXISTS: ErrorKind("A tenant of this name exists already"),
    ErrorType.LAST_ADMIN_KEY: ErrorKind("This is the last working key with the scope admin"),
    ErrorType.TOO_MANY_WEBHOOKS: ErrorKind("You have reached the limit of webhooks"),
    ErrorType.TOO_MANY_SCHEDULES: ErrorKind("You have reached the limit of schedules"),
}


class RenderfleetError(Exception):
    """Base of everything that renderfleet raises on purpose.

    Attributes:
        type: the bounded word for it.
        detail: this occurrence, in words that the caller may read: never a resolved address, a secret or
            the text of somebody else's exception. What only operators may know goes into `__cause__`.
    """

    def __init__(self, type_: ErrorType, detail: str) -> None:
        super().__init__(f"{type_}: {detail}")
        self.type = type_
        self.detail = detail

    @property
    def title(self) -> str:
        """The title of this kind of error."""
        return KINDS[self.type].title

    @property
    def retryable(self) -> bool:
        """Whether the fleet itself may try the job again."""
        return KINDS[self.type].retryable


class InvalidRequestError(RenderfleetError):
    """The caller asked for something that cannot be done; nothing was stored."""


class RenderError(RenderfleetError):
    """An attempt failed for a reason that the job's owner is told."""


class UnavailableError(RenderfleetError):
    """Postgres or S3 does not answer; the caller may try again after a while."""
