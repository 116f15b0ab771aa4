"""What a browser leaves on the worker's disk, alive and afterwards, and what happens without room."""

import errno
import os
import signal
import uuid
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from arq.connections import ArqRedis

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType, RenderError, RenderfleetError
from fleet.jobs import read
from fleet.jobs.attempts import claim
from fleet.jobs.create import accept
from fleet.jobs.job import State
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.stages.browser_stage import BrowserStage, browser_stage, until
from tests.site.server import Site
from worker.attempts.ending import AttemptPage, Ending
from worker.browser.devtools import TargetCrashedError
from worker.browser.launch.scratch import Scratch
from worker.resources.disk import DiskWatch

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Everything by which a page can ask to be remembered; some of it is refused, which is as good.
HOARD = """(async () => {
  const data = new Uint8Array(4 << 20).map((_, place) => place * 7);
  const cache = await caches.open("hoard");
  await cache.put("/hoard", new Response(data));
  const database = await new Promise((done, failed) => {
    const opening = indexedDB.open("hoard");
    opening.onupgradeneeded = () => opening.result.createObjectStore("hoard");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = failed;
  });
  const writing = database.transaction("hoard", "readwrite");
  writing.objectStore("hoard").put(data, 1);
  await new Promise((done, failed) => { writing.oncomplete = done; writing.onerror = failed; });
  const folder = await navigator.storage.getDirectory();
  const stream = await (await folder.getFileHandle("hoard", {create: true})).createWritable();
  await stream.write(data);
  await stream.close();
  localStorage.hoard = "x".repeat(1 << 20);
  document.cookie = "hoard=" + "x".repeat(1000) + ";max-age=1000";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data]));
  link.download = "hoard";
  link.click();
  return true;
})()"""


def browser_folders(stage: BrowserStage) -> list[Path]:
    """One for each browser that has not been cleared away."""
    return list(stage.folder.glob("b*-*"))


def files_in(folder: Path) -> dict[str, int]:
    """Size of each file, by its path in the folder."""
    return {
        str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()
    }


async def test_no_page_makes_the_folder_of_its_browser_grow(site: Site) -> None:
    async with browser_stage(site, browser_warm_pages=0) as stage:
        (folder,) = browser_folders(stage)
        async with stage.page() as page:
            await page.navigate(site.url("/tiny"))
            await page.lifecycle.reach("load")
            assert await page.evaluate(HOARD)
            with pytest.raises(TargetCrashedError):
                await page.send("Page.crash")
        # Long enough for what Chromium writes with a delay: profiles, caches, preferences.
        await stage.render("/slow?ms=1000")
        assert set(files_in(folder)) == {"profile/DevToolsActivePort"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_folder_of_a_browser_goes_with_it(site: Site, number: signal.Signals) -> None:
    async with browser_stage(site) as stage:
        (first,) = browser_folders(stage)
        os.kill(stage.browser_pid, number)
        await until(lambda: stage.pool.generation == 2, "the next browser")
        await until(lambda: not first.exists(), "the end of its folder")
        (second,) = browser_folders(stage)
        assert set(files_in(second)) == {"profile/DevToolsActivePort"}
        assert {path.name for path in stage.folder.iterdir() if "playwright" not in path.name} == {
            second.name
        }


async def test_artifact_that_the_disk_has_no_room_for_is_a_failure_that_may_be_tried_again(
    shared: BrowserStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "output", Path("/dev/full"))
    with pytest.raises(RenderError) as caught:
        await shared.render(html="<body style='background:#0a7'>")
    assert caught.value.type is ErrorType.STORAGE_UNAVAILABLE
    assert caught.value.retryable
    assert caught.value.detail == "the worker's disk is full"


async def test_disk_that_is_full_where_no_step_writes_is_named_too(
    database: Database, redis: ArqRedis, storage_settings: StorageSettings, tenant_id: UUID
) -> None:
    request = RenderRequest(html="<p>hello</p>")
    job = (await accept.accept(database, VAULT, tenant_id=tenant_id, request=request)).job
    entry = QueueEntry(job.id, job.dispatch)
    attempt = await claim.claim(database, entry, worker_id=uuid.uuid4(), lease=timedelta(seconds=15))
    assert attempt is not None
    store = Artifacts(storage_settings)
    ending = Ending(database, redis, store, wake_sender=lambda: None)
    await ending.failed(attempt, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), AttemptPage())
    store.close()
    found = await read.get(database, job_id=job.id, tenant_id=tenant_id)
    assert found is not None
    assert found.state is State.QUEUED
    errors = "SELECT error_type, error_detail FROM attempts WHERE job_id = $1"
    assert [tuple(row) for row in await database.fetch(errors, job.id)] == [
        (ErrorType.STORAGE_UNAVAILABLE, "the worker's disk is full")
    ]


class Carrier:
    """What holds a worker has."""

    def __init__(self) -> None:
        self.holds: list[str] = []

    def hold(self, reason: str) -> None:
        self.holds.append(reason)

    def release(self, reason: str) -> None:
        self.holds.remove(reason)


@pytest.mark.parametrize(("min_free_bytes", "holds"), [(0, []), (2**60, [DiskWatch.REASON])])
async def test_jobs_are_held_up_once_while_less_is_free_than_wanted(
    tmp_path: Path, min_free_bytes: int, holds: list[str]
) -> None:
    carrier = Carrier()
    watch = DiskWatch(tmp_path, carrier, min_free_bytes=min_free_bytes)
    watch.check()
    watch.check()
    assert carrier.holds == holds


async def test_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "scratch").touch()
    with pytest.raises(RenderfleetError, match="cannot write to its folder"), Scratch(tmp_path, uuid.uuid4()):
        pytest.fail("it has no folder")
