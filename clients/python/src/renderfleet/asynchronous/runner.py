"""Carries out operations with async calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import httpx2

from renderfleet.errors import ApiError, ServerUnreachable, UnexpectedAnswer
from renderfleet.http.following import Following
from renderfleet.http.retries import Budget, error_of, pauses_between
from renderfleet.http.steps import Answer, Broken, Call, Operation, Pause, Step
from renderfleet.http.transport import as_answer, as_broken, client_arguments, request_arguments
from renderfleet.target import Target

T = TypeVar("T")


class AsyncRunner:
    """The connection of a client, for the tasks of one event loop.

    Attributes:
        target: the server and the key.
    """

    def __init__(
        self, target: Target, retry_for_s: float, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self.target = target
        self._retry_for_s = retry_for_s
        self._http = httpx2.AsyncClient(**client_arguments(target), transport=transport)

    @property
    def budget(self) -> Budget:
        """A new budget of an operation."""
        return Budget(self._retry_for_s)

    async def run(self, operation: Operation[T]) -> T:
        """Carry out all steps; the result of the operation."""
        reply: Answer | Broken | None = None
        try:
            while True:
                reply = await self._perform(operation.send(reply))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _perform(self, step: Step) -> Answer | Broken | None:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return as_answer(await self._http.request(**request_arguments(step)))
        except httpx2.TransportError as error:
            return as_broken(error)
        except (httpx2.InvalidURL, httpx2.DecodingError) as error:
            raise UnexpectedAnswer(str(error)) from error

    async def lines(self, call: Call) -> AsyncIterator[str]:
        """The lines of an answer, as they come. None, if the answer is 204.

        Raises:
            ServerUnreachable: the connection broke.
            ApiError: the server refuses.
        """
        try:
            async with self._http.stream(**request_arguments(call)) as response:
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                if response.is_error:
                    raise error_of(as_answer(response))
                async for line in response.aiter_lines():
                    yield line
        except httpx2.TransportError as error:
            raise ServerUnreachable(f"the stream broke: {error}") from error

    async def follow(self, following: Following[T]) -> AsyncIterator[T]:
        """What a stream tells, until it is over; one that breaks is opened again.

        Raises:
            ApiError: the server refuses.
            ServerUnreachable: the stream broke and could not be taken up again.
        """
        pauses = pauses_between(self.budget)
        while not following.is_over:
            try:
                async for line in self.lines(following.call):
                    pauses = pauses_between(self.budget)  # the server answers
                    if (told := following.feed(line)) is not None:
                        yield told
            except (ServerUnreachable, ApiError) as error:
                await self.run(pauses(error))
            else:
                if not following.is_over:
                    await self.run(pauses(None))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
