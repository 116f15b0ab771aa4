"""Failures that were to be expected, as a model reads them: type, title and detail, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mcp.server.mcpserver.exceptions import ToolError

from renderfleet.agents.pictures import NotShownError
from renderfleet.agents.words import quoted
from renderfleet.errors import ApiError, JobFailed, RenderfleetError, WaitingEnded

_MOST_OF_DETAIL: Final = 600


@contextmanager
def told() -> Iterator[None]:
    """Turn what the client raises into errors that the model gets to see.

    Raises:
        ToolError: with the type of the error in front. Details may quote a page, so they are quoted.
    """
    try:
        yield
    except WaitingEnded as error:
        raise ToolError(
            f"not_finished: the job {error.job.id} is still {error.job.status}, and goes on. "
            "Ask `job` for it later."
        ) from error
    except JobFailed as error:
        raise ToolError(_of_job(error)) from error
    except ApiError as error:
        wait = "" if error.retry_after_s is None else f" Try again after {error.retry_after_s:.0f} s."
        detail = quoted(error.problem.detail, most=_MOST_OF_DETAIL)
        raise ToolError(f"{error.type}: {error.problem.title}. Detail: {detail}.{wait}") from error
    except NotShownError as error:
        raise ToolError(f"not_shown: {error}") from error
    except RenderfleetError as error:
        raise ToolError(f"unavailable: {quoted(str(error), most=_MOST_OF_DETAIL)}") from error


def _of_job(error: JobFailed) -> str:
    job = error.job
    if job.error is None:
        return f"{error.type}: the job {job.id} is {job.status}."
    detail = quoted(job.error.detail or "", most=_MOST_OF_DETAIL)
    again = " It may succeed another time: `retry`." if job.error.retryable else ""
    return f"{error.type}: {job.error.title}. Detail: {detail}. The job is {job.id}.{again}"
