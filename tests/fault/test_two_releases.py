"""The previous release's API and worker run beside this one's on the schema of this one.

As in a rolling update, or when somebody goes back. The previous release is the last commit without this
checkout's newest migration, taken from the history of the repository. It runs on the packages of this one.
"""

import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.deploy.releases import NoHistoryError, newest_migration, release_before
from tests.kit.processes import api_process, started, worker
from tests.kit.servers.receiver import receiver
from tests.kit.stages.stage import Stage

PAGE = "<h1>sealed by one release, opened by the other</h1>"


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The folder of its code."""
    try:
        return release_before(newest_migration(), tmp_path / "previous")
    except NoHistoryError as error:
        pytest.skip(f"needs git and the whole history, as `git clone` without --depth gets it: {error}")


async def test_each_release_does_the_work_of_the_other(stage: Stage, tenant_key: str, previous: Path) -> None:
    assert not (previous / newest_migration()).exists()
    environment, logs = stage.environment(SHUTDOWN_GRACE_S="0"), stage.folder
    async with (
        receiver() as there,
        api_process(environment, logs / "old-api.log", tenant_key, code=previous) as (_, old_api),
        api_process(environment, logs / "new-api.log", tenant_key) as (_, new_api),
    ):
        webhook = {"webhook_url": there.url}
        async with worker(environment, logs / "old-worker.log", code=previous) as old_worker:
            by_old = [await _made(api, html=PAGE, **webhook) for api in (old_api, new_api)]
            before = [await _end(api, job) for api, job in zip((new_api, old_api), by_old, strict=True)]
            moved = await _made(old_api, url=stage.gate.url)
            await stage.gate.visited()
            async with worker(environment, logs / "new-worker.log"):
                old_worker.send(signal.SIGTERM)
                assert await old_worker.ended() == 0
                await stage.gate.visited(2)
                stage.gate.open()
                by_new = [await _made(api, html=PAGE, **webhook) for api in (old_api, new_api)]
                after = [await _end(api, job) for api, job in zip((new_api, old_api), by_new, strict=True)]
                assert (await _end(new_api, moved))["status"] == "succeeded"
                await there.got(4)
        for job in (*before, *after):
            assert (job["status"], job["attempt"]) == ("succeeded", 1)
            for api in (old_api, new_api):
                picture = await api.get(f"/v1/jobs/{job['id']}/artifact", params={"proxy": "true"})
                assert picture.content.startswith(b"\x89PNG")
    runs = await stage.database.fetch(
        "SELECT worker_id FROM jobs WHERE webhook_url IS NOT NULL ORDER BY created_at"
    )
    assert runs[0] == runs[1] != runs[2] == runs[3]


async def test_the_migrations_of_the_previous_release_leave_the_schema_as_it_is(
    stage: Stage, previous: Path
) -> None:
    log = stage.folder / "migrations.log"
    async with started("migrations", environment=stage.environment(), log=log, code=previous) as migrations:
        assert await migrations.ended() == 0
    assert any(line["level"] == "warning" for line in migrations.lines()), log.read_text()


async def _made(api: httpx.AsyncClient, **job: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json=job)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _end(api: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    """What the API, perhaps of the other release, says of it at its end."""
    while job["status"] in ("queued", "running"):
        job = (await api.get(job["links"]["self"], params={"wait": 60})).json()
    return job
