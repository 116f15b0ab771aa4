"""Jobs with uploaded files, from the upload to the erasure: real API, worker, browser and store."""

import asyncio
import hashlib
import random

from tests.kit.data.stored_files import files_below
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api
from tests.kit.stages.stage import Stage

NOISE = random.Random(3).randbytes(2_500_000)  # noqa: S311 - no secret
HTML = b"""<script type=module>
    const noise = await (await fetch('big/noise.bin')).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', noise));
    const hexadecimal = [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
    document.body.append(`${noise.byteLength} ${hexadecimal} ${await (await fetch('/a.txt')).text()}`);
</script><body>"""
FILES = [
    ("files", ("index.html", HTML, "text/html")),
    ("files", ("big/noise.bin", NOISE, "application/octet-stream")),
    ("files", ("empty.txt", b"", "text/plain")),
    ("files", ("a.txt", b"the last file", "text/plain")),
]
WAIT = {"Prefer": "wait=40"}


async def test_uploaded_files_are_rendered_run_again_and_erased(stage: Stage, tenant_key: str) -> None:
    bucket = stage.engines.s3.folder / "renderfleet"
    log = stage.folder / "api.log"
    async with (
        stage.worker(ERASE_INTERVAL_S="0.2"),
        api(stage.environment(), log, tenant_key) as client,
    ):
        request = (
            "request",
            (None, b'{"format": "text", "wait_for_function": "document.body.innerText"}', ""),
        )
        answer = await client.post("/v1/jobs", files=[request, *FILES], headers=WAIT)
        job = answer.json()
        assert job["status"] == "succeeded", job
        text = (await client.get(f"/v1/jobs/{job['id']}/artifact?proxy=true")).text
        assert text.split() == [str(len(NOISE)), sha256(NOISE), "the", "last", "file"]

        # One that fails after it has rendered its files, and again when it is run anew.
        failing = (
            b'{"fail_if_content_contains": ["the last file"], "wait_for_function": "document.body.innerText"}'
        )
        answer = await client.post("/v1/jobs", files=[("request", (None, failing, "")), *FILES], headers=WAIT)
        failed = answer.json()
        assert failed["error"]["type"] == "content_rejected", failed
        again = (await client.post(f"/v1/jobs/{failed['id']}/retry", headers=WAIT)).json()
        assert again["error"] == failed["error"]

        pieces = files_below(bucket / "bundles")
        assert len(pieces) == 2 * 3
        assert not list(stage.folder.rglob("*.files")), "no file is left on the worker's disk"
        erase = "UPDATE jobs SET erase_at = now() - interval '1 s' WHERE id = ANY($1::text[]::uuid[])"
        await stage.database.execute(erase, [job["id"], failed["id"]])
        async with asyncio.timeout(PATIENCE_S):
            while len(files_below(bucket / "bundles")) != 3:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.05)
        # The retry still has the bundle of its original.
        assert (await client.post(f"/v1/jobs/{again['id']}/retry", headers=WAIT)).json()["error"] == failed[
            "error"
        ]
        await stage.database.execute("UPDATE jobs SET erase_at = now() - interval '1 s'")
        async with asyncio.timeout(PATIENCE_S):
            while files_below(bucket / "bundles"):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.05)
        said = (await client.post(f"/v1/jobs/{again['id']}/retry")).json()
        assert said["type"] == "secrets_erased"
    assert await stage.database.fetchval("SELECT count(*) FROM bundles") == 0


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
