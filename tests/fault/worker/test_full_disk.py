"""Workers on a small disk that fills up: a tmpfs in a mount namespace of the worker's own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fleet.errors import ErrorType
from fleet.jobs.job import Job, State
from fleet.jobs.read import get
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess
from tests.kit.stages.stage import Stage

DISK_MB = 160
MIN_FREE_MB = 96
HTML = "<title>small</title><body style='background:#0a7'>"

# Mounts a disk of $1 MB at $2 with a file of up to $3 MB in it, and becomes the worker, as the user who asks:
# inside the first namespace one is root, which Chromium's sandbox refuses. Shared memory is as small as in a
# container, so that it goes to the disk.
SMALL_DISK = """
mount -t tmpfs -o size=64m small /dev/shm
mount -t tmpfs -o "size=$1m,mode=0700" small "$2"
head -c "$3M" /dev/zero >"$2/ballast" || true
exec unshare --user --map-user="$4" --map-group="$5" -- "$6" -m worker
"""


class SmallDisk:
    """A worker and its disk.

    Attributes:
        process: the worker; it needs not be ready.
    """

    def __init__(self, process: ProductProcess, folder: Path) -> None:
        self.process = process
        # Seen through the worker, whose namespace alone has it mounted.
        self._folder = Path(f"/proc/{process.process.pid}/root/{folder}")

    def fill(self, *, leaving_mb: int = 1) -> None:
        """Take all of it but so much."""
        file_system = os.statvfs(self._folder)
        left = file_system.f_bavail * file_system.f_frsize - leaving_mb * 2**20
        with (self._folder / "ballast").open("ab", buffering=0) as ballast:
            os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, left)

    def free(self) -> None:
        """Take nothing any more."""
        (self._folder / "ballast").unlink()

    def artifacts(self) -> list[Path]:
        """What renders have written and nobody has taken away."""
        return [path for path in self._folder.glob("scratch/*/*") if path.suffix in {".png", ".pdf"}]


@asynccontextmanager
async def worker_on_a_small_disk(stage: Stage, *, ballast_mb: int = 0) -> AsyncIterator[SmallDisk]:
    """A worker whose folder is on a disk of its own."""
    folder = stage.folder / "disk"
    folder.mkdir()
    environment = stage.environment(
        DATA_DIR=str(folder), DISK_MIN_FREE_MB=str(MIN_FREE_MB), BROWSER_MAX_PAGES="1"
    )
    words = (DISK_MB, folder, ballast_mb, os.getuid(), os.getgid(), sys.executable)
    log = stage.folder / "worker.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *("unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-ec", SMALL_DISK, "sh"),
            *map(str, words),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield SmallDisk(ProductProcess(process, log), folder)
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()


async def is_queued(stage: Stage, job: Job) -> bool:
    found = await get(stage.database, job_id=job.id, tenant_id=job.tenant_id)
    return found is not None and found.state is State.QUEUED


async def test_jobs_wait_for_space_and_a_render_that_lost_it_is_done_again(stage: Stage) -> None:
    async with worker_on_a_small_disk(stage) as disk:
        await disk.process.logged("worker ready")
        disk.fill(leaving_mb=MIN_FREE_MB - 8)
        await disk.process.logged("too little space is free on the disk, taking no jobs")
        waiting = await stage.enqueue(html=HTML)
        await stage.beats(2)
        assert await is_queued(stage, waiting)
        disk.free()
        assert (await stage.ended(waiting)).state is State.SUCCEEDED
        assert await stage.outcomes(waiting) == ["succeeded"]

        # Its picture takes 50 MB of shared memory.
        job = await stage.enqueue(
            url=stage.gate.url, viewport={"width": 2560, "height": 2560}, device_scale_factor=2
        )
        await stage.gate.visited()
        disk.fill()
        stage.gate.open()
        await disk.process.logged("attempt failed, trying again")
        assert disk.artifacts() == []
        disk.free()
        ended = await stage.ended(job)
        assert (ended.state, ended.attempt, ended.quarantined_at) == (State.SUCCEEDED, 2, None)
        errors = "SELECT error_type, error_detail FROM attempts WHERE job_id = $1 AND attempt = 1"
        (first,) = await stage.database.fetch(errors, job.id)
        assert tuple(first) == (ErrorType.STORAGE_UNAVAILABLE, "the worker's disk is full")


async def test_worker_that_starts_on_a_full_disk_says_so_and_ends(stage: Stage) -> None:
    async with worker_on_a_small_disk(stage, ballast_mb=DISK_MB) as disk:
        assert await disk.process.ended() == 1
        said = [line["event"] for line in disk.process.lines() if line["level"] != "info"]
    assert said[0] == "too little space is free on the disk, taking no jobs"
    assert said[-2:] == ["no space is left on the disk", "worker ends"]
