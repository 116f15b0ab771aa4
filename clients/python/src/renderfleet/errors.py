"""The exceptions of the client, one class for each kind of failure.

    RenderfleetError
    |-- NotConfigured        no address or API key is known
    |-- ServerUnreachable    no answer, also after trying again
    |-- UnexpectedAnswer     the answer is not one of renderfleet's API
    |-- WaitingEnded         the job takes longer than was waited; it goes on
    |-- BatchRefused         some requests of a batch are not valid
    |-- SignatureInvalid     a webhook message is not signed with the secret, or too old
    |-- JobFailed            a job ended without success: one subclass for each type that only jobs have
    `-- ApiError             a call was refused: one subclass for each type that calls have

The subclasses are in `renderfleet.error_types`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renderfleet.models.jobs import BatchItem, Job, Problem


class RenderfleetError(Exception):
    """Base of all that this package raises on purpose."""


class NotConfigured(RenderfleetError):
    """No address, API key or profile is known, or a profile cannot be read."""


class ServerUnreachable(RenderfleetError):
    """The server did not answer, also after trying again. The cause is the last failure."""


class UnexpectedAnswer(RenderfleetError):
    """The answer is not one that renderfleet's API gives: perhaps another program has this address."""


class SignatureInvalid(RenderfleetError):
    """A webhook message is not signed with this secret, or its time is too far from now."""


class WaitingEnded(RenderfleetError):
    """The job did not end within the time. It goes on.

    Attributes:
        job: as it was last seen.
    """

    def __init__(self, job: "Job") -> None:
        super().__init__(f"the job {job.id} is still {job.status}; it goes on")
        self.job = job


class BatchRefused(RenderfleetError):
    """Some requests of a batch are not valid; the others were accepted.

    Attributes:
        items: all of them, in the order of the requests.
    """

    def __init__(self, items: "Sequence[BatchItem]") -> None:
        refused = [item.error for item in items if item.error is not None]
        super().__init__(f"{len(refused)} of {len(items)} requests were refused: {refused[0].detail}")
        self.items = tuple(items)


class JobFailed(RenderfleetError):
    """A job ended without success.

    Attributes:
        job: the job.
        type: the stable name of the error.
    """

    def __init__(self, job: "Job") -> None:
        detail = f"{job.error.title}: {job.error.detail}" if job.error else f"it is {job.status}"
        super().__init__(f"the job {job.id} has not succeeded. {detail}")
        self.job = job
        self.type = job.error.type if job.error else job.status


class ApiError(RenderfleetError):
    """A call was refused.

    Attributes:
        problem: the problem document of the answer.
        retry_after_s: after so many seconds the server wants to be asked again; None: it did not say.
    """

    def __init__(self, problem: "Problem", retry_after_s: float | None = None) -> None:
        fields = [f"{one.field}: {one.message}" for one in problem.errors if one.field]
        # A single error is the detail already.
        more = f" ({'; '.join(fields)})" if len(fields) > 1 else ""
        super().__init__(f"{problem.title}: {problem.detail}{more}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def type(self) -> str:
        """The stable name of the error."""
        return self.problem.type

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.problem.status
