"""Every way in which renderfleet refuses or fails, as one bounded list.

The same word travels in the log line, the metric label, the job's row and the problem document (RFC 9457),
so that an operator can follow one failure through all four. The list is closed: a new failure gets a new
member here, and `docs/errors.md` must describe it (a test holds the two together).

    RenderfleetError
    |-- InvalidRequestError      the caller's words; never retried
    |-- RenderError              an attempt failed; `.retryable` tells whose fault it was
    `-- UnavailableError         a dependency does not answer; try again later
        `-- OperatorError        it will not, until an operator mends a setting or the database
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """What is known of an error type without knowing the case.

    Attributes:
        title: one short sentence for people, the same for every occurrence (RFC 9457, section 3.1.3).
        status: the status of a call that fails with it. The outcome of a job has one as well: a signed link
            answers with it instead of the picture.
        retryable: of a job: whether the fleet may run it again. The page's own faults are final, ours are
            not. Of a call: whether the same call may succeed later.
    """

    title: str
    status: HTTPStatus
    retryable: bool


_TRIED_AGAIN: Final = True


class ErrorType(StrEnum):
    """The stable `type` of a problem document and of `error.type` in a job document.

    One line for each: the word, the HTTP status, the title, and whether the fleet tries the job again.
    """

    kind: ErrorKind

    def __new__(cls, word: str, status: int = 0, title: str = "", retryable: bool = False) -> Self:  # noqa: FBT001, FBT002
        """A member: the word, with all that is known of it.

        Each line below gives status and title. They have defaults only because type checkers take
        `ErrorType("expired")`, which looks a member up, for a call of this.
        """
        member = str.__new__(cls, word)
        member._value_ = word
        member.kind = ErrorKind(title, HTTPStatus(status), retryable)
        return member

    # How a job can end.
    INVALID_REQUEST = "invalid_request", 422, "The request is not valid"
    URL_BLOCKED = "url_blocked", 422, "The address is not allowed"
    NAME_NOT_RESOLVED = "name_not_resolved", 502, "The host name does not resolve"
    CONNECTION_FAILED = "connection_failed", 502, "The target did not accept or keep the connection"
    TLS_ERROR = "tls_error", 502, "The target's certificate or TLS handshake failed"
    NAVIGATION_TIMEOUT = "navigation_timeout", 504, "The page was not ready in time"
    RENDER_TIMEOUT = "render_timeout", 504, "The attempt reached its deadline"
    HTTP_STATUS_REJECTED = (
        "http_status_rejected",
        502,
        "The target answered with a status that is not accepted",
    )
    CONTENT_REJECTED = "content_rejected", 502, "The page's content is not accepted"
    SELECTOR_NOT_FOUND = "selector_not_found", 422, "The selector matches nothing"
    SCRIPT_FAILED = "script_failed", 422, "A script of the request failed"
    PAGE_CRASHED = "page_crashed", 502, "The page's process crashed", _TRIED_AGAIN
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded", 422, "The page needed more memory than a render may use"
    ARTIFACT_TOO_LARGE = "artifact_too_large", 422, "The picture or document is larger than allowed"
    PDF_FAILED = "pdf_failed", 502, "The PDF could not be made"
    STORAGE_UNAVAILABLE = "storage_unavailable", 503, "The artifact could not be stored or read", _TRIED_AGAIN
    BROWSER_UNAVAILABLE = "browser_unavailable", 503, "The browser ended or did not answer", _TRIED_AGAIN
    EGRESS_UNAVAILABLE = (
        "egress_unavailable",
        503,
        "The connection to the internet does not work",
        _TRIED_AGAIN,
    )
    WORKER_LOST = "worker_lost", 503, "The worker disappeared during the attempt", _TRIED_AGAIN
    CANCELLED = "cancelled", 409, "The job was cancelled"
    EXPIRED = "expired", 410, "The job expired before it could finish"
    NOT_REPLAYABLE = "not_replayable", 409, "The job cannot be rendered from its evidence"
    SECRETS_UNREADABLE = "secrets_unreadable", 503, "The request's secrets cannot be read", _TRIED_AGAIN
    INTERNAL_ERROR = "internal_error", 500, "renderfleet failed unexpectedly", _TRIED_AGAIN
    # How only a call to the API can fail.
    UNAUTHORIZED = "unauthorized", 401, "A valid API key is needed"
    FORBIDDEN = "forbidden", 403, "The API key does not allow this"
    LINK_NOT_SIGNED = "link_not_signed", 401, "The link is not signed with a valid API key"
    LINK_EXPIRED = "link_expired", 403, "The link has expired"
    NOT_FOUND = "not_found", 404, "There is nothing at this address"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "The method is not allowed here"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict", 422, "The idempotency key was used with another request"
    JOB_NOT_FINISHED = "job_not_finished", 409, "The job has not finished yet"
    NO_ARTIFACT = "no_artifact", 404, "The job has no artifact"
    NO_THUMBNAIL = "no_thumbnail", 404, "There is no small picture of this artifact"
    NOT_COMPARABLE = "not_comparable", 422, "The artifacts cannot be compared"
    NO_EVIDENCE = "no_evidence", 404, "The job has no evidence"
    ARTIFACT_EXPIRED = "artifact_expired", 410, "The artifact was erased"
    RENDER_PENDING = "render_pending", 503, "The render is not ready yet", _TRIED_AGAIN
    SECRETS_ERASED = "secrets_erased", 409, "Secrets of the job were erased"
    MALFORMED_REQUEST = "malformed_request", 400, "The request is not valid HTTP"
    MISDIRECTED_REQUEST = "misdirected_request", 421, "The API does not answer to this host name"
    HEAD_TOO_LARGE = "head_too_large", 431, "The request's address and headers are too large"
    TOO_MANY_CONNECTIONS = "too_many_connections", 503, "The server has too many connections", _TRIED_AGAIN
    BODY_TOO_LARGE = "body_too_large", 413, "The request body is too large"
    UNSUPPORTED_MEDIA_TYPE = (
        "unsupported_media_type",
        415,
        "The body's media type or encoding is not supported",
    )
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable", 416, "The requested range lies outside the artifact"
    DATABASE_UNAVAILABLE = "database_unavailable", 503, "The database does not answer", _TRIED_AGAIN
    TOO_MANY_WAITERS = "too_many_waiters", 503, "Too many calls wait for jobs at this server", _TRIED_AGAIN
    JOB_NOT_QUEUED = "job_not_queued", 409, "The job does not wait any more"
    JOB_FINISHED = "job_finished", 409, "The job has already finished"
    QUOTA_EXCEEDED = "quota_exceeded", 429, "You have reached your limit of jobs", _TRIED_AGAIN
    RATE_LIMITED = "rate_limited", 429, "You make too many calls", _TRIED_AGAIN
    TENANT_EXISTS = "tenant_exists", 409, "A tenant of this name exists already"
    LAST_ADMIN_KEY = "last_admin_key", 409, "This is the last working key with the scope admin"
    TOO_MANY_WEBHOOKS = "too_many_webhooks", 409, "You have reached the limit of webhooks"
    TOO_MANY_SCHEDULES = "too_many_schedules", 409, "You have reached the limit of schedules"


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
        return self.type.kind.title

    @property
    def retryable(self) -> bool:
        """Whether the fleet itself may try the job again."""
        return self.type.kind.retryable


class InvalidRequestError(RenderfleetError):
    """The caller asked for something that cannot be done; nothing was stored."""


class RenderError(RenderfleetError):
    """An attempt failed for a reason that the job's owner is told."""


class UnavailableError(RenderfleetError):
    """Postgres or S3 does not answer; the caller may try again after a while."""


class OperatorError(UnavailableError):
    """A setting or the database is wrong: a process that starts ends with the sentence that says so.

    Attributes:
        fix: for operators alone: what failed, which variable, and how to mend it.
    """

    def __init__(self, type_: ErrorType, detail: str, *, fix: str) -> None:
        super().__init__(type_, detail)
        self.fix = fix

    def __str__(self) -> str:
        return self.fix
