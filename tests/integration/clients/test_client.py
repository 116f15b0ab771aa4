"""The Python client, blocking and async, and the examples of its manual, against a fleet."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from renderfleet import AsyncClient, BatchRefused, Client, JobFailed, WaitingEnded
from renderfleet.error_types import ConnectionFailed, JobCancelled, NoArtifact
from tests.integration.clients.conftest import ClientFleet
from tests.kit.paths import ROOT
from tests.kit.processes import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (ROOT / "docs" / "client.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
assert len(EXAMPLES) > 3


@pytest.fixture
def client(fleet: ClientFleet) -> Iterator[Client]:
    with Client(fleet.url, fleet.key) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def async_client(fleet: ClientFleet) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(fleet.url, fleet.key) as opened:
        yield opened


async def test_blocking_calls_from_a_request_to_its_bytes(fleet: ClientFleet, client: Client) -> None:
    """In a thread: the gate of the stage is served by this one."""
    await asyncio.to_thread(blocking_calls, fleet, client)


def blocking_calls(fleet: ClientFleet, client: Client) -> None:
    shot = client.screenshot(fleet.site.url("/"), viewport={"width": 300, "height": 200})
    assert (shot.width, shot.height, shot.content_type) == (300, 200, "image/png")
    assert shot.bytes.startswith(b"\x89PNG")
    assert client.pdf(html="<p>x").pages == 1
    with pytest.raises(ConnectionFailed) as failed:
        client.screenshot(f"http://127.0.0.1:{free_port()}/")
    assert failed.value.job.error is not None
    with pytest.raises(NoArtifact):
        client.jobs.artifact(failed.value.job)

    once, twice = (client.jobs.submit(html="<p>once", idempotency_key="once") for _ in range(2))
    assert once.id == twice.id
    with pytest.raises(BatchRefused) as refused:
        client.jobs.submit_many([{"html": "<p>1"}, {"nonsense": 1}])
    assert [item.job is not None for item in refused.value.items] == [True, False]
    now = [{"html": f"<p>{number}", "external_id": "many"} for number in range(3)]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = [{"html": "<p>later", "external_id": "many", "run_at": tomorrow}] * 98
    made = client.jobs.submit_many([*now, *later])
    assert len({job.id for job in made}) == 101, "two batches"
    soon = made[:6]
    for job in soon[3:]:
        client.jobs.cancel(job)
    ended = list(client.jobs.as_completed(soon))
    assert {job.id for job in ended} == {job.id for job in soon}
    assert {job.id for job in client.jobs.iter(external_id="many")} == {job.id for job in made}
    assert len(list(client.jobs.iter(external_id="many", limit=2))) == 2


async def test_waiting_following_cancelling_and_running_again(
    fleet: ClientFleet, async_client: AsyncClient
) -> None:
    gate = fleet.stage.gate
    job = await async_client.jobs.submit(url=f"{gate.url}/async")
    with pytest.raises(WaitingEnded):
        await async_client.jobs.wait(job, timeout_s=0.1)

    async def statuses() -> list[str]:
        return [change.status async for change in async_client.jobs.follow(job)]

    following = asyncio.create_task(statuses())
    await gate.visited()
    await async_client.jobs.cancel(job)
    assert (await following)[-1] == "cancelled"
    assert [change.status async for change in async_client.jobs.follow(job)] == ["cancelled"]
    with pytest.raises(JobCancelled) as cancelled:
        await async_client.jobs.succeed(job)
    assert isinstance(cancelled.value, JobFailed)
    gate.open()
    again = await async_client.jobs.retry(job)
    ended = [one async for one in async_client.jobs.as_completed([again, job])]
    assert {one.id: one.status for one in ended} == {again.id: "succeeded", job.id: "cancelled"}
    assert (await async_client.jobs.attempts(again))[0].outcome == "succeeded"
    assert (await async_client.jobs.thumbnail(again, width_px=64)).startswith(b"RIFF")
    with pytest.raises(NoArtifact, match="`with`"):
        await async_client.jobs.compare(again, job)
    erased = await async_client.jobs.erase_artifact(again)
    assert erased.artifact is not None
    assert erased.artifact.status == "erased"


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_of_the_manual_works(
    fleet: ClientFleet, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name, text in fleet.environment.items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(fleet.folder)
    text = EXAMPLES[number].replace("https://example.com", fleet.site.url(""))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    await asyncio.to_thread(exec, compile(text, "docs/client.md", "exec"), namespace)
    receive: Callable[..., int] | None = namespace.get("receive")
    if receive is not None:
        assert receive(b"{}", {}) == 400
