"""A server program of somebody else's, as a child process of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit.patience import PATIENCE_S


@asynccontextmanager
async def child_server(*words: str, port: int, log: Path) -> AsyncIterator[None]:
    """Run a program that takes connections at this port of loopback, from the beginning of the block."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*words, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await _listens(port):
                assert process.returncode is None, f"it has ended: {log}"
                await asyncio.sleep(0.02)  # a port that opens causes no event
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
