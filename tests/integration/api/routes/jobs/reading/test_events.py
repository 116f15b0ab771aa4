"""A job's events: all of them, in order, once, whatever is away; and nothing is left of those who leave."""

import asyncio
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from arq.connections import ArqRedis
from prometheus_client import REGISTRY

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim as claims
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.job import State
from fleet.queue.announcements import announce_beginning, announce_change
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import CONTENT, claim, enqueue, fail, problem, succeed, until
from tests.kit.api.follow import follow
from tests.kit.servers.tcp_forwarder import forwarded

FAILED = AttemptOutcome(State.FAILED, error_type=ErrorType.TLS_ERROR, error_detail="certificate expired")


def waiting(kind: str) -> float:
    return REGISTRY.get_sample_value("renderfleet_waiters", {"kind": kind}) or 0.0


async def test_a_stream_tells_the_state_then_each_change_and_closes(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower:
        headers = follower.answer.headers
        assert headers["content-type"] == "text/event-stream"
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        first = await follower.next()
        assert first is not None
        assert (first.id, first.name, first.document) == ("0-queued", "queued", job)
        assert (waiting("events"), waiting("wait")) == (1, 0)
        attempt = await claim(database, job["id"])
        await announce_change(redis, attempt.job_id)
        second = await follower.next()
        assert second is not None
        assert (second.id, second.name, second.document["status"]) == ("1-running", "running", "running")
        assert second.document == (await api.client.get(job["links"]["self"])).json()
        assert await attempts.finish(database, attempt, FAILED)
        await announce_change(redis, attempt.job_id)
        (last,) = await follower.rest()
    assert (last.id, last.name) == ("1-failed", "failed")
    assert last.document == (await api.client.get(job["links"]["self"])).json()
    assert (api.dependencies.waiters.count, waiting("events")) == (0, 0)


async def test_a_success_comes_with_the_address_of_the_picture(
    api: Api, database: Database, redis: ArqRedis, artifacts: Artifacts, tmp_path: Path
) -> None:
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower, follow(api.client, job) as other:
        await follower.next()
        await other.next()
        await succeed(database, artifacts, tmp_path, job["id"])
        await announce_change(redis, UUID(job["id"]))
        running, last = await follower.rest()
        # Written once for both: one address, signed at one time.
        assert await other.rest() == [running, last]
    # The claim was over before anybody looked.
    assert (running.id, running.document["attempt"], running.document["artifact"]) == ("1-running", 1, None)
    assert (running.document["finished_at"], running.document["links"]["artifact"]) == (None, None)
    assert running.document["started_at"] == last.document["started_at"] is not None
    async with httpx.AsyncClient(trust_env=False) as anyone:
        assert (await anyone.get(last.document["artifact"]["url"])).content == CONTENT


async def claim_again(database: Database, held: JobAttempt) -> JobAttempt:
    """Hand the job back and claim it anew."""
    went = await attempts.hand_back(database, held)
    assert went is not None
    assert went.queued is not None
    attempt = await claims.claim(database, went.queued.entry, worker_id=uuid4(), lease=timedelta(minutes=1))
    assert attempt is not None
    return attempt


async def test_announced_changes_are_told_at_once(api: Api, database: Database, redis: ArqRedis) -> None:
    """Eight of them in less time than eight looks at Postgres would take."""
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower:
        await follower.next()
        started = time.monotonic()
        attempt = await claim(database, job["id"])
        for number in range(1, 9):
            await announce_beginning(redis, attempt.job_id)
            event = await follower.next()
            while event is not None and event.id != f"{number}-running":
                event = await follower.next()
            assert event is not None
            attempt = await claim_again(database, attempt)
        assert time.monotonic() - started < 4


async def test_changes_that_nobody_announced_are_told_within_a_second(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower:
        await follower.next()
        attempt = await claim(database, job["id"])
        started = time.monotonic()
        events = [await follower.next()]
        # Running before and after, but not in the same attempt.
        attempt = await claim_again(database, attempt)
        events += [await follower.next(), await follower.next()]
        assert [event and event.id for event in events] == ["1-running", "1-queued", "2-running"]
        assert await attempts.finish(database, attempt, FAILED)
        assert await follower.ids() == ["2-failed"]
        assert time.monotonic() - started < 6


async def test_a_job_that_has_ended_is_one_event(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    await fail(database, job["id"])
    async with follow(api.client, job) as follower:
        assert await follower.ids() == ["1-failed"]


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    attempt = await claim_again(database, await claim(database, job["id"]))
    async with follow(api.client, job, last_event_id="1-running") as follower:
        events = [await follower.next(), await follower.next()]
        assert [event and event.id for event in events] == ["1-queued", "2-running"]
    async with follow(api.client, job, last_event_id="2-running") as follower:
        assert await attempts.finish(database, attempt, FAILED)
        assert await follower.ids() == ["2-failed"]
    for seen, expected in (
        ("0-queued", ["1-running", "1-queued", "2-running", "2-failed"]),
        ("2-running", ["2-failed"]),
        # Not of this job, or nothing that we ever said.
        ("3-running", ["2-failed"]),
        ("2-succeeded", ["2-failed"]),
        ("nonsense", ["2-failed"]),
        ("9" * 5000, ["2-failed"]),
    ):
        async with follow(api.client, job, last_event_id=seen) as follower:
            assert await follower.ids() == expected, seen
    answer = await api.client.get(job["links"]["events"], headers={"Last-Event-ID": "2-failed"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_only_the_owner_with_a_key_that_may_read_follows(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    path = job["links"]["events"]
    problem(await api.client.get(f"/v1/jobs/{uuid4()}/events"), 404, ErrorType.NOT_FOUND)
    problem(await api.client.get("/v1/jobs/1/events"), 404, ErrorType.NOT_FOUND)
    problem(await api.client.get(f"{path}?wait=5"), 422, ErrorType.INVALID_REQUEST)
    for tenant_name, scope, status, type_ in (
        ("others", Scope.RENDER, 404, ErrorType.NOT_FOUND),
        ("tests", Scope.ADMIN, 403, ErrorType.FORBIDDEN),
    ):
        async with database.connection() as connection:
            key = await create_key(
                connection, tenant_name=tenant_name, key_name="k", scopes=frozenset({scope})
            )
        answer = await api.client.get(path, headers={"Authorization": f"Bearer {key}"})
        problem(answer, status, type_)
    answer = await api.client.get(path, headers={"Authorization": "Bearer rf_none"})
    problem(answer, 401, ErrorType.UNAUTHORIZED)
    assert api.dependencies.waiters.count == 0


async def test_a_silent_stream_shows_that_it_lives(serve: Serve, database: Database) -> None:
    async with serve(API_EVENTS_KEEPALIVE_S=0.05) as api:
        job = await enqueue(api.client)
        async with follow(api.client, job) as follower:
            await follower.next()
            following = asyncio.create_task(follower.ids())
            await until(lambda: follower.comments >= 3)
            await fail(database, job["id"])
            assert await following == ["1-running", "1-failed"]


async def open_raw(api: Api, key: str, job: dict[str, Any], **headers: str) -> socket.socket:
    """A connection that has asked for the events and reads nothing."""
    connection = socket.create_connection(("127.0.0.1", api.port))
    connection.settimeout(0)
    fields = {"Host": "localhost", "Authorization": f"Bearer {key}", **headers}
    head = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in fields.items())
    connection.send(f"GET {job['links']['events']} HTTP/1.1\r\n{head}\r\n".encode())
    await until(lambda: api.dependencies.waiters.count == 1)
    return connection


async def test_a_caller_that_hangs_up_leaves_nothing_behind(api: Api, tenant_key: str) -> None:
    job = await enqueue(api.client)
    tasks = len(asyncio.all_tasks())
    connection = await open_raw(api, tenant_key, job)
    connection.close()
    await until(lambda: api.dependencies.waiters.count == 0)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert not api.dependencies.waiters._watched  # noqa: SLF001 - each second would look at what is left there


async def test_a_caller_that_never_reads_fills_no_memory_and_is_cut_off(
    serve: Serve, database: Database, tenant_key: str
) -> None:
    async with serve(API_EVENTS_KEEPALIVE_S=1) as api:
        job = await enqueue(api.client)
        await fail(database, job["id"])
        # It has missed 20,000 events of some 700 bytes: more than what the kernel holds for the two of them.
        await database.execute("UPDATE jobs SET attempt = 10000")
        connection = await open_raw(api, tenant_key, job, last_event_id="0-queued")
        most = 0
        while api.dependencies.waiters.count:
            (stream,) = [open_ for open_ in api.server.server_state.connections if is_busy(open_)]
            most = max(most, stream.transport.get_write_buffer_size())
            await asyncio.sleep(0.01)  # nobody tells when a buffer grows
        assert 0 < most < 200_000
        connection.close()


def is_busy(connection: Any) -> bool:
    return connection.cycle is not None and not connection.cycle.response_complete


async def test_events_come_while_redis_is_away(serve: Serve, database: Database, dead_port: int) -> None:
    async with serve(REDIS_URL=f"redis://127.0.0.1:{dead_port}/0") as api:
        job = await enqueue(api.client)
        async with follow(api.client, job) as follower:
            await follower.next()
            started = time.monotonic()
            await fail(database, job["id"])
            assert await follower.ids() == ["1-running", "1-failed"]
            assert time.monotonic() - started < 3


async def test_a_stream_outlives_an_outage_of_postgres(
    serve: Serve, database: Database, database_url: str, redis: ArqRedis
) -> None:
    async with forwarded(database_url) as (line, through), serve(DATABASE_URL=through) as api:
        job = await enqueue(api.client)
        async with follow(api.client, job) as follower:
            await follower.next()
            await line.cut()
            answer = await api.client.get(job["links"]["events"])
            problem(answer, 503, ErrorType.DATABASE_UNAVAILABLE)
            # The word that is lost meanwhile is not missed.
            await fail(database, job["id"])
            await announce_change(redis, UUID(job["id"]))
            await until(lambda: not api.dependencies.waiters._changed)  # noqa: SLF001 - it was taken and failed
            await line.resume()
            assert await follower.ids() == ["1-running", "1-failed"]


async def test_more_streams_than_allowed_are_refused(serve: Serve, tenant_key: str) -> None:
    async with serve(API_MAX_WAITERS=1) as api:
        job = await enqueue(api.client)
        connection = await open_raw(api, tenant_key, job)
        refused = await api.client.get(job["links"]["events"])
        problem(refused, 503, ErrorType.TOO_MANY_WAITERS)
        assert int(refused.headers["retry-after"]) > 0
        connection.close()
        await until(lambda: api.dependencies.waiters.count == 0)
        async with follow(api.client, job) as follower:
            assert await follower.next()


async def test_a_stopping_server_ends_its_streams_properly(api: Api) -> None:
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower:
        await follower.next()
        api.dependencies.waiters.release()
        assert await follower.ids() == []
    async with follow(api.client, job) as follower:
        assert await follower.ids() == ["0-queued"]
