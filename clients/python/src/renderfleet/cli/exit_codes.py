"""The exit code of each cause, so that scripts can tell them apart."""

from enum import IntEnum
from typing import Final

from renderfleet.errors import (
    ApiError,
    JobFailed,
    NotConfigured,
    RenderfleetError,
    ServerUnreachable,
    UnexpectedAnswer,
    WaitingEnded,
)


class ExitCode(IntEnum):
    """What a command has come to."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    KEY = 3
    NOT_FOUND = 4
    LIMIT = 5
    WAITING_ENDED = 6
    SERVER = 7


_OF_KIND: Final = {
    JobFailed: ExitCode.JOB_FAILED,
    WaitingEnded: ExitCode.WAITING_ENDED,
    NotConfigured: ExitCode.KEY,
    ServerUnreachable: ExitCode.SERVER,
    UnexpectedAnswer: ExitCode.SERVER,
}
_OF_STATUS: Final = {
    401: ExitCode.KEY,
    403: ExitCode.KEY,
    404: ExitCode.NOT_FOUND,
    410: ExitCode.NOT_FOUND,
    429: ExitCode.LIMIT,
}
_FIRST_SERVER_ERROR: Final = 500


def code_of(error: RenderfleetError) -> ExitCode:
    """The exit code of a command that ended with this error."""
    if isinstance(error, ApiError):
        return code_of_status(error.status)
    return next((code for kind, code in _OF_KIND.items() if isinstance(error, kind)), ExitCode.USAGE)


def code_of_status(status: int) -> ExitCode:
    """The exit code for an HTTP status."""
    other = ExitCode.SERVER if status >= _FIRST_SERVER_ERROR else ExitCode.USAGE
    return _OF_STATUS.get(status, other)
