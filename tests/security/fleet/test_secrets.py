"""What tenants give as secret shows in no Redis, Postgres, document or log, while jobs run and after."""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.errors import ErrorType
from fleet.jobs.create import accept
from fleet.jobs.job import State, queued_job
from fleet.queue import dispatch
from fleet.queue.arq_adapter import connect
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api, api_process, worker
from tests.kit.stages.gate import Gate
from tests.kit.stages.stage import Stage

HTML, USER, PASSWORD = "marker-in-html", "marker-user", "marker-password"
IN_QUERY = "marker-in-query"
IN_HEADER, IN_AUTH, IN_COOKIE, IN_STATE = (
    "marker-in-header",
    "marker-in-auth",
    "marker-in-cookie",
    "marker-in-state",
)
OF_PDF, OF_OWNER, IN_WATERMARK, IN_ATTACHMENT = (
    "marker-of-pdf",
    "marker-of-owner",
    "marker-in-watermark",
    "marker-in-attachment",
)
OF_DOCUMENT = (OF_PDF, OF_OWNER, IN_WATERMARK, IN_ATTACHMENT)
MARKERS = (HTML, USER, PASSWORD, IN_HEADER, IN_AUTH, IN_COOKIE, IN_STATE, *OF_DOCUMENT)
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def spellings(marker: str) -> list[bytes]:
    """The marker as it is, and as Postgres, base64 and HTTP's basic authentication would write it."""
    raw = marker.encode()
    shifted = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw.hex().encode(), *shifted]


def found(marker: str, text: bytes) -> bool:
    return any(spelling in text for spelling in spellings(marker))


async def redis_dump(redis: ArqRedis, engines: Engines) -> bytes:
    """Every key with its value as Redis itself would save it, and the file in which it notes each command."""
    keys = await redis.keys("*")
    values = [await redis.dump(key) or b"" for key in keys]
    return b"\n".join([*keys, *values, *files_of(engines.redis.folder)])


def files_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def postgres_dump(database_url: str) -> bytes:
    """Every row of every table."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = [row["relname"] for row in await connection.fetch(TABLES)]
        rows = [await connection.fetch(f"SELECT t::text FROM {table} AS t") for table in tables]  # noqa: S608
        return b"\n".join(row["t"].encode() for of_table in rows for row in of_table)
    finally:
        await connection.close()


class Watched:
    """A running fleet, and everything that it has told or kept."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, logs: list[Path]) -> None:
        self.stage = stage
        self.client = client
        self.logs = logs
        self.told: list[bytes] = []

    async def call(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.client.request(method, path, json=body)
        self.told.append(answer.content + str(answer.headers).encode())
        return answer.json()

    async def kept(self) -> bytes:
        redis = connect(self.stage.engines.redis_url, timeout_s=5)
        try:
            return b"\n".join(
                [
                    await redis_dump(redis, self.stage.engines),
                    await postgres_dump(self.stage.database_url),
                    *(log.read_bytes() for log in self.logs),
                    *self.told,
                ]
            )
        finally:
            await redis.aclose(close_connection_pool=True)


def requests(gate: Gate) -> Iterator[dict[str, Any]]:
    """One that is rendered, one whose proxy does not do what a proxy should, and one with an identity."""
    address = gate.url.rstrip("/")
    attachment = {"name": "a.txt", "content": base64.b64encode(IN_ATTACHMENT.encode()).decode()}
    yield {
        "html": f"<!-- {HTML} --><img src='{address}/picture'>",
        "format": "pdf",
        "pdf": {
            "password": {"user": OF_PDF, "owner": OF_OWNER},
            "watermark": {"text": IN_WATERMARK},
            "attachments": [attachment],
        },
    }
    proxy = {"server": address, "username": USER, "password": PASSWORD}
    yield {"url": f"https://127.0.0.1:8099/page?token={IN_QUERY}", "proxy": proxy}
    entry = {"name": "user", "value": IN_STATE}
    yield {
        "url": f"{address}/page",
        "headers": {"X-Token": IN_HEADER},
        "basic_auth": {"username": "user", "password": IN_AUTH},
        "cookies": [f"session={IN_COOKIE}"],
        "storage_state": {"origins": [{"origin": address, "localStorage": [entry]}]},
    }


async def test_secrets_of_jobs_show_nowhere_while_they_run_and_are_gone_when_they_have_ended(
    stage: Stage, tenant_key: str
) -> None:
    environment = stage.environment(LOG_LEVEL="debug", LOG_FORMAT="json", LEASE_S="30", BROWSER_MAX_PAGES="3")
    logs = [stage.folder / "api.log", stage.folder / "worker.log"]
    async with AsyncExitStack() as running:
        client = await running.enter_async_context(api(environment, logs[0], tenant_key))
        await running.enter_async_context(worker(environment, logs[1]))
        watched = Watched(stage, client, logs)
        ids = [(await watched.call("POST", "/v1/jobs", body))["id"] for body in requests(stage.gate)]
        for body in requests(stage.gate):
            made = await watched.call("POST", "/v1/schedules", {"cron": "@hourly", "job": body})
            await watched.call("GET", made["links"]["self"])
        async with asyncio.timeout(PATIENCE_S):
            await stage.gate.visited(3)

        kept = await watched.kept()
        assert str(ids[0]).encode() in kept, "the dump holds what there is"
        assert [marker for marker in MARKERS if found(marker, kept)] == []
        assert await sealed(stage) == {ids[0]: (True, True), ids[1]: (True, False), ids[2]: (True, False)}

        stage.gate.open()
        ended = [await watched.call("GET", f"/v1/jobs/{id_}?wait=40") for id_ in ids]
        assert [job["status"] for job in ended] == ["succeeded", "failed", "succeeded"]
        await watched.call("GET", "/v1/jobs")
        await watched.call("POST", f"/v1/jobs/{ids[1]}/retry")
    kept = await watched.kept()
    assert [marker for marker in MARKERS if found(marker, kept)] == []
    assert await sealed(stage) == {ids[0]: (False, True), ids[1]: (False, False), ids[2]: (False, False)}
    written = b"".join(log.read_bytes() for log in logs)
    assert ids[1].encode() in written
    assert not found(IN_QUERY, written)


async def sealed(stage: Stage) -> dict[str, tuple[bool, bool]]:
    """For each job, whether it has credentials, and whether it has what its page is made of."""
    rows = await stage.database.fetch(
        "SELECT id, secrets IS NOT NULL AS credentials, content IS NOT NULL AS content FROM jobs"
    )
    return {str(row["id"]): (row["credentials"], row["content"]) for row in rows}


REFUSED = [
    ({"html": {"is": PASSWORD}}, "html"),
    ({"html": f"<p>{PASSWORD}</p>", "url": "https://example.com/"}, ""),
    ({"html": f"<p>{PASSWORD}</p>", "widht": PASSWORD}, "widht"),
    ({"url": f"http://user:{PASSWORD}@example.com/"}, "url"),
    ({"url": f"http://10.0.0.1/?{PASSWORD}"}, "url"),
    ({"url": "http://a.test/", "proxy": {"server": f"http://u:{PASSWORD}@p.test:1"}}, "proxy.server"),
    ({"url": "http://a.test/", "proxy": {"server": "http://p.test:1", "password": PASSWORD}}, "proxy"),
    (
        {"url": "http://a.test/", "proxy": {"server": "http://p.test:1", "pasword": PASSWORD}},
        "proxy.pasword",
    ),
    ({"url": "http://a.test/", "headers": {"Host": PASSWORD}}, "headers.Host"),
    ({"url": "http://a.test/", "headers": {f"X: {PASSWORD}": ""}}, "headers"),
    ({"url": "http://a.test/", "headers": {"X-A": f"{PASSWORD}\n"}}, "headers.x-a"),
    ({"url": "http://a.test/", "basic_auth": {"username": f"u:{PASSWORD}"}}, "basic_auth.username"),
    ({"url": "http://a.test/", "basic_auth": {"pasword": PASSWORD, "username": "u"}}, "basic_auth.pasword"),
    ({"html": "<p>", "headers": {"X-A": PASSWORD}}, "headers"),
    ({"url": "http://a.test/", "cookies": [PASSWORD]}, "cookies.0"),
    (
        {"html": "x", "format": "pdf", "pdf": {"password": {"user": PASSWORD, "owner": PASSWORD}}},
        "pdf.password.owner",
    ),
    ({"html": "x", "format": "pdf", "pdf": {"password": {"user": [PASSWORD]}}}, "pdf.password.user"),
    ({"url": "http://a.test/", "cookies": [f"a={PASSWORD}; Domain=b.test"]}, "cookies.0"),
    ({"url": "http://a.test/", "cookies": [{"name": PASSWORD}]}, "cookies.0.value"),
    ({"url": "http://a.test/", "storage_state": PASSWORD}, "storage_state"),
    (
        {"url": "http://a.test/", "storage_state": {"origins": [{"origin": PASSWORD}]}},
        "storage_state.origins",
    ),
]


async def test_a_refusal_names_the_field_and_not_what_was_given(stage: Stage, tenant_key: str) -> None:
    log = stage.folder / "api.log"
    environment = stage.environment(LOG_LEVEL="debug", LOG_FORMAT="json", EGRESS_ALLOW="")
    async with api_process(environment, log, tenant_key) as (_, client):
        watched = Watched(stage, client, [log])
        for body, field in REFUSED:
            said = await watched.call("POST", "/v1/jobs", body)
            assert said["status"] == 422, body
            assert any(finding["field"].startswith(field) for finding in said["errors"]), said
            await watched.call("POST", "/v1/jobs/batch", {"jobs": [body]})
            await watched.call("POST", "/v1/schedules", {"cron": "@hourly", "job": body})
        await watched.call("POST", "/v1/jobs", f'{{"html": "{PASSWORD}"')
        assert not found(PASSWORD, await watched.kept())


async def test_the_secret_of_a_webhook_shows_to_its_owner_alone(stage: Stage, tenant_key: str) -> None:
    log = stage.folder / "api.log"
    environment = stage.environment(LOG_LEVEL="debug", LOG_FORMAT="json", EGRESS_ALLOW="")
    async with api_process(environment, log, tenant_key) as (_, client):
        watched = Watched(stage, client, [log])
        made = (await client.post("/v1/webhooks", json={"url": "https://example.com/hook"})).json()
        rotated = (await client.post(f"/v1/webhooks/{made['id']}/rotate")).json()
        assert (await client.get(f"/v1/webhooks/{made['id']}")).json()["secret"] == rotated["secret"]
        await watched.call("GET", "/v1/webhooks")
        kept = await watched.kept()
    assert made["id"].encode() in kept
    for secret in (made["secret"], rotated["secret"]):
        raw = base64.b64decode(secret.removeprefix("whsec_"))
        assert secret.removeprefix("whsec_").encode() not in kept
        assert raw not in kept
        assert raw.hex().encode() not in kept


async def test_what_cannot_be_unsealed_fails_with_a_word_for_it(stage: Stage) -> None:
    """As after damage: the key is the right one, what was sealed is not."""
    request = RenderRequest(html=f"<p>{HTML}</p>", max_attempts=1)
    job = (await accept.accept(stage.database, VAULT, tenant_id=stage.tenant_id, request=request)).job
    await stage.database.execute("UPDATE jobs SET content = content || '\\x00'")
    ready = queued_job(job, weight=1)
    assert ready is not None
    await dispatch.dispatch(stage.redis, [ready])
    async with stage.worker() as process:
        ended = await stage.ended(job)
        assert (ended.state, ended.error_type) == (State.FAILED, ErrorType.SECRETS_UNREADABLE)
        await process.logged("secrets_unreadable")
    assert await sealed(stage) == {str(job.id): (False, True)}
