"""Carries out operations with blocking calls."""

import time
from collections.abc import Iterator
from typing import TypeVar

import httpx2

from renderfleet.errors import ApiError, ServerUnreachable, UnexpectedAnswer
from renderfleet.http.following import Following
from renderfleet.http.retries import Budget, error_of, pauses_between
from renderfleet.http.steps import Answer, Broken, Call, Operation, Pause, Step
from renderfleet.http.transport import as_answer, as_broken, client_arguments, request_arguments
from renderfleet.target import Target

T = TypeVar("T")


class Runner:
    """The connection of a client. Several threads may use it.

    Attributes:
        target: the server and the key.
    """

    def __init__(self, target: Target, retry_for_s: float, transport: httpx2.BaseTransport | None) -> None:
        self.target = target
        self._retry_for_s = retry_for_s
        self._http = httpx2.Client(**client_arguments(target), transport=transport)

    @property
    def budget(self) -> Budget:
        """A new budget of an operation."""
        return Budget(self._retry_for_s)

    def run(self, operation: Operation[T]) -> T:
        """Carry out all steps; the result of the operation."""
        reply: Answer | Broken | None = None
        try:
            while True:
                reply = self._perform(operation.send(reply))
        except StopIteration as end:
            result: T = end.value
            return result

    def _perform(self, step: Step) -> Answer | Broken | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return as_answer(self._http.request(**request_arguments(step)))
        except httpx2.TransportError as error:
            return as_broken(error)
        except (httpx2.InvalidURL, httpx2.DecodingError) as error:
            raise UnexpectedAnswer(str(error)) from error

    def lines(self, call: Call) -> Iterator[str]:
        """The lines of an answer, as they come. None, if the answer is 204.

        Raises:
            ServerUnreachable: the connection broke.
            ApiError: the server refuses.
        """
        try:
            with self._http.stream(**request_arguments(call)) as response:
                if response.status_code != httpx2.codes.OK:
                    response.read()
                if response.is_error:
                    raise error_of(as_answer(response))
                yield from response.iter_lines()
        except httpx2.TransportError as error:
            raise ServerUnreachable(f"the stream broke: {error}") from error

    def follow(self, following: Following[T]) -> Iterator[T]:
        """What a stream tells, until it is over; one that breaks is opened again.

        Raises:
            ApiError: the server refuses.
            ServerUnreachable: the stream broke and could not be taken up again.
        """
        pauses = pauses_between(self.budget)
        while not following.is_over:
            try:
                for line in self.lines(following.call):
                    pauses = pauses_between(self.budget)  # the server answers
                    if (told := following.feed(line)) is not None:
                        yield told
            except (ServerUnreachable, ApiError) as error:
                self.run(pauses(error))
            else:
                if not following.is_over:
                    self.run(pauses(None))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
