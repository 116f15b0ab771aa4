"""One upload in a new process that measures its own memory."""

import asyncio
import gc
import threading
import time
from pathlib import Path
from typing import Final, Self

import boto3
import psutil

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.settings import load_settings
from tests.bench.clients.responder import Document, respond

_SAMPLE_S: Final = 0.005
_KIB: Final = 1024
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")


class Peak:
    """Highest PSS and RSS in bytes while the block runs, sampled every 5 ms.

    PSS divides shared memory among the processes that share it (Linux; USS on other systems). On Linux, RSS
    is the kernel's peak value, which misses no moment; writing 5 to clear_refs resets it (proc(5)).
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.pss, self.rss = self._now()
        if _CLEAR_REFS.exists():
            _CLEAR_REFS.write_text("5")

    def _now(self) -> tuple[int, int]:
        memory = self._process.memory_full_info()
        return getattr(memory, "pss", memory.uss), memory.rss

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            pss, rss = self._now()
            self.pss, self.rss = max(self.pss, pss), max(self.rss, rss)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if _CLEAR_REFS.exists():
            self.rss = max(self.rss, _high_water_bytes())


def _high_water_bytes() -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * _KIB


async def _answer(question: Document) -> Document:
    """Fields of a question: `way`, `warm_up` (path of a small file), `path` of the large file."""
    settings = load_settings(StorageSettings)
    artifacts = Artifacts(settings)
    client = boto3.client("s3", endpoint_url=settings.s3_endpoint_url)

    async def upload(path: Path) -> None:
        key = path.name
        if question["way"] == "artifacts":
            await artifacts.upload(path, key, content_type="application/pdf")
        elif question["way"] == "boto3":
            await asyncio.to_thread(client.upload_file, str(path), settings.s3_bucket, key)
        else:
            body = await asyncio.to_thread(path.read_bytes)
            await asyncio.to_thread(client.put_object, Body=body, Bucket=settings.s3_bucket, Key=key)

    path = Path(question["path"])
    start = Peak()
    await upload(Path(question["warm_up"]))
    gc.collect()
    before = Peak()
    started, cpu_started = time.perf_counter(), time.process_time()
    with Peak() as peak:
        await upload(path)
    answer = {
        "first_bytes": before.pss - start.pss,
        "pss_bytes": peak.pss - before.pss,
        "rss_bytes": peak.rss - before.rss,
        "elapsed_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu_started,
    }
    await artifacts.delete(path.name)
    artifacts.close()
    return answer


if __name__ == "__main__":
    asyncio.run(respond(_answer))
