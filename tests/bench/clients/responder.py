"""A child process that answers each line of JSON with a line, so that it can be measured separately."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import Program

_ANSWER_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S: Final = 10.0
_TAIL: Final = 2_000
_ANSWER_LIMIT_BYTES: Final = 64 * 1024 * 1024

Document = dict[str, Any]


class ResponderError(Exception):
    """The child has ended or cannot do what it was asked for; the message is for people."""


class Responder:
    """The parent's side. Create it with `responder`.

    Attributes:
        ready: the line that the child has written when it was ready.
        pid: process id of the child.
    """

    ready: Document

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a responder needs pipes for stdin and stdout")
        self._asks = process.stdin
        self._answers = process.stdout
        self._log = log
        self.pid = process.pid

    async def ask(self, **question: Any) -> Document:
        """Send a question and wait for its answer.

        Raises:
            ResponderError: there is no answer within two minutes.
        """
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                self._asks.write(json.dumps(question).encode() + b"\n")
                await self._asks.drain()
                return await self.answer()
        except TimeoutError:
            raise ResponderError(
                f"A process of the benchmark does not answer.{self._log_excerpt()}"
            ) from None

    async def answer(self) -> Document:
        """The next line that the child writes.

        Raises:
            ResponderError: it ended.
        """
        line = await self._answers.readline()
        if not line:
            raise ResponderError(f"A process of the benchmark has ended.{self._log_excerpt()}")
        answer: Document = json.loads(line)
        return answer

    def _log_excerpt(self) -> str:
        return f" The end of its log:\n{self._log.read_text(errors='replace')[-_TAIL:]}"


def responder(
    module: str, *words: str, environment: Mapping[str, str], log: Path
) -> AbstractAsyncContextManager[Responder]:
    """`python -m MODULE WORDS`, as `responding` has it."""
    return responding((sys.executable, "-m", module, *words), environment=environment, log=log)


@asynccontextmanager
async def responding(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path
) -> AsyncIterator[Responder]:
    """Start a program and wait until it is ready; it is ended at the end of the block.

    Raises:
        ResponderError: it ended at once.
    """
    program = Program(
        name=log.stem,
        command=tuple(command),
        log=log,
        environment=environment,
        unprivileged=True,
    )
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *program.wrapped(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            start_new_session=True,
            limit=_ANSWER_LIMIT_BYTES,
        )
    try:
        started = Responder(process, log)
        started.ready = await started.answer()
        yield started
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    family = process_tree.descendants(process.pid)
    if process.stdin is not None:
        process.stdin.close()  # the child stops at the end of its input
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await process.wait()
    finally:
        for pid in [*family, *([process.pid] if process.returncode is None else [])]:
            process_tree.send(pid, signal.SIGKILL)
        await process.wait()


async def respond(answer: Callable[[Document], Awaitable[Document]], **ready: Any) -> None:
    """The child's side: write that it is ready, then answer questions until the end of its input."""
    loop = asyncio.get_running_loop()
    questions = asyncio.StreamReader(limit=_ANSWER_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    _say(ready)
    while line := await questions.readline():
        _say(await answer(json.loads(line)))


def _say(document: Document) -> None:
    print(json.dumps(document), flush=True)
