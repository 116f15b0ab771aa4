"""Many streams of events at once, on few connections and with few descriptors."""

import asyncio
import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import psutil
import pytest
from arq.connections import ArqRedis

from fleet.database import Database
from fleet.queue.announcements import announce_change
from fleet.tenants.tenant import Tenant
from tests.integration.api.conftest import Serve
from tests.kit.api.calls import enqueue, until
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import free_port, started
from tests.kit.stages.stage import Stage

MANY_JOBS = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
    SELECT gen_random_uuid(), $1, '{}', '\\x00', 3 FROM generate_series(1, $2::integer) RETURNING id
"""


async def test_hundreds_that_change_at_once_are_told_and_hold_up_nobody(
    serve: Serve, database: Database, redis: ArqRedis, tenant: Tenant, *, tenant_key: str
) -> None:
    """150 follow one job, 150 a job each, on two connections to Postgres that POSTs need too."""
    async with serve(DATABASE_POOL_SIZE=2) as api:
        first, *others = [row["id"] for row in await database.fetch(MANY_JOBS, tenant.id, 151)]
        streams = [await Stream.open(api.port, tenant_key, job) for job in [first] * 150 + others]
        await until(lambda: api.dependencies.waiters.count == 300)
        await database.execute(
            "UPDATE jobs SET state = 'failed', attempt = 1, error_type = 'tls_error', finished_at = now()"
        )
        for job in [first, *others]:
            await announce_change(redis, job)
        posted, *told = await asyncio.gather(enqueue(api.client), *(stream.ids() for stream in streams))
        assert posted["status"] == "queued"
        assert told == [["0-queued", "1-running", "1-failed"]] * 300
        assert api.dependencies.waiters.count == 0


@dataclass(frozen=True)
class Stream:
    """An open stream without the weight of httpx, for hundreds of them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int, key: str, job_id: UUID) -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        fields = f"Host: localhost\r\nAuthorization: Bearer {key}\r\n"
        writer.write(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\n{fields}\r\n".encode())
        return cls(reader, writer)

    async def ids(self) -> list[str]:
        """Ids of all events until the server ends the stream as it should."""
        async with asyncio.timeout(PATIENCE_S):
            text = await self.reader.readuntil(b"\r\n0\r\n\r\n")
        self.writer.close()
        return [found.decode() for found in re.findall(rb"^id: (\S+)$", text, re.MULTILINE)]


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A soft limit for the processes that a test starts, such as many systems begin with, only smaller."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir(f"/proc/{os.getpid()}/fd")) + 100  # noqa: PTH208 - this process lives under it too
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_takes_more_streams_than_its_soft_limit_and_ends_them_on_sigterm(
    stage: Stage, tenant_key: str, few_descriptors: int
) -> None:
    """Without `--timeout-graceful-shutdown`: it waits until all its calls have ended."""
    job = await stage.enqueue(html="<p>x</p>")
    port, log = free_port(), stage.folder / "api.log"
    arguments = ("uvicorn", "--factory", "api.main:create_app", "--port", str(port), "--no-access-log")
    async with started(*arguments, environment=stage.environment(), log=log) as process:
        await process.logged("Uvicorn running on")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # from here on it is this process' own
        limit, _ = psutil.Process(process.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert soft == few_descriptors < limit == hard
        streams = [await Stream.open(port, tenant_key, job.id) for _ in range(few_descriptors + 20)]
        for stream in streams:
            await stream.reader.readuntil(b"event: queued\n")
        began = time.monotonic()
        process.send(signal.SIGTERM)
        assert [await stream.ids() for stream in streams] == [[]] * len(streams)
        assert await process.ended() == -signal.SIGTERM  # uvicorn ends as if it had not caught it
        assert time.monotonic() - began < 5
        assert not [line for line in process.lines() if line["level"] in ("error", "warning")]
