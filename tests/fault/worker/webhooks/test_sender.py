"""Webhooks of real workers, the whole way, while senders, Postgres and receivers fail."""

import asyncio
import hashlib
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.webhooks.outbox import MessageState
from tests.kit.processes import api
from tests.kit.servers.receiver import Receiver, answer, receiver, silence
from tests.kit.stages.stage import Stage
from tests.kit.stages.webhook_stage import WebhookStage


@pytest.fixture
async def hooks(stage: Stage, storage_settings: StorageSettings) -> AsyncIterator[WebhookStage]:
    store = Artifacts(storage_settings)
    yield WebhookStage(stage.database, store, stage.tenant_id)
    store.close()


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


async def test_the_whole_way(stage: Stage, hooks: WebhookStage, there: Receiver, tenant_key: str) -> None:
    """Registered, enqueued, rendered, failed or cancelled; told, verified, and the picture fetched."""
    async with (
        api(stage.environment(), stage.folder / "api.log", tenant_key) as client,
        stage.worker("worker"),
    ):
        secret = (await client.post("/v1/webhooks", json={"url": there.url})).json()["secret"]
        jobs = {}
        for status, options in (
            ("succeeded", {"html": "<p>x</p>"}),
            ("failed", {"url": "http://127.0.0.1:1/"}),
            ("cancelled", {"html": "<p>x</p>", "run_at": await later(stage)}),
        ):
            made = await client.post("/v1/jobs", json={**options, "webhook_url": there.url})
            assert made.status_code == 202, made.text
            jobs[made.json()["id"]] = status
        assert (await client.delete(made.json()["links"]["self"])).status_code == 200
        for received in await there.got(3):
            payload = await hooks.verified(received, there.url)
            assert payload["type"] == f"job.{jobs.pop(payload['data']['id'])}"
            if payload["type"] == "job.succeeded":
                await check_picture(payload["data"]["artifact"])
        assert (await hooks.endpoint(there.url)).secret == secret
    assert jobs == {}


async def later(stage: Stage) -> str:
    """A time that no worker reaches within the test."""
    at = await stage.database.fetchval("SELECT now() + interval '1 hour'")
    return str(at.isoformat())


async def check_picture(artifact: dict[str, str]) -> None:
    async with httpx.AsyncClient(trust_env=False) as anyone:
        picture = await anyone.get(artifact["url"])
    assert hashlib.sha256(picture.content).hexdigest() == artifact["sha256"]


async def test_a_sender_killed_before_it_could_record_costs_a_second_copy_and_no_message(
    stage: Stage, hooks: WebhookStage, there: Receiver
) -> None:
    there.behaviours = [silence, answer(200)]
    async with stage.worker("first") as first:
        job = await stage.enqueue(html="<p>x</p>", webhook_url=there.url)
        await there.got()
        first.send(signal.SIGKILL)
        await first.ended()
    assert (await hooks.message(job)).state is MessageState.PENDING
    await hooks.make_all_due()
    async with stage.worker("second"):
        message = await hooks.finished(job)
    assert message.state is MessageState.DELIVERED
    assert [attempt.error for attempt in message.attempts] == ["sender_lost", None]
    assert there.ids == [str(message.id)] * 2


async def test_a_stopping_worker_tells_of_what_it_has_finished(
    stage: Stage, hooks: WebhookStage, there: Receiver
) -> None:
    async with stage.worker("worker", SHUTDOWN_GRACE_S="15") as process:
        job = await stage.enqueue(url=stage.gate.url, webhook_url=there.url)
        await stage.gate.visited()
        process.send(signal.SIGTERM)
        await process.logged("stopping")
        stage.gate.open()
        assert await process.ended() == 0
    assert (await hooks.message(job)).state is MessageState.DELIVERED


async def test_a_delivery_during_an_outage_of_postgres_is_recorded_after_it(
    stage: Stage, hooks: WebhookStage, there: Receiver
) -> None:
    arrived, proceed = asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await proceed.wait()
        await answer(200)(writer)

    there.behaviours = [slow]
    async with stage.worker("worker") as process:
        job = await stage.enqueue(html="<p>x</p>", webhook_url=there.url)
        await arrived.wait()
        stage.engines.postgres.kill()
        proceed.set()
        await process.logged("cannot record a webhook yet")
        await asyncio.to_thread(stage.engines.postgres.start)
        message = await hooks.finished(job)
        next_job = await stage.enqueue(html="<p>later</p>", webhook_url=there.url)
        await stage.ended(next_job)
        assert (await hooks.finished(next_job)).state is MessageState.DELIVERED
    assert message.state is MessageState.DELIVERED
    assert there.ids.count(str(message.id)) == 1
