"""Code that people copy out of the dashboard and the manual, run as they would run it, against a fleet."""

import asyncio
import html
import json
import re
import shutil
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from api.openapi.examples import Examples
from api.snippets.all_forms import snippets
from api.snippets.link import LinkSigner
from fleet.render.link_signature import link_key
from tests.integration.clients.conftest import ClientFleet
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

WINDOW = {"width": 320, "height": 240}
# A worker has no name server in tests, and nobody waits 55 s for a render that is tried again.
NOT_RUN = ("/v1/screenshot", "/v1/pdf")
ENDLESS = "/v1/events"
# Where an example itself writes the answer to.
OWN_FILE = re.compile(r"(?: \\\n)? +-o \S+")


async def run(fleet: ClientFleet, folder: Path, program: str, code: str) -> None:
    """Run a program that reads its code from standard input, with what a person's shell has."""
    commands = folder / "bin"
    commands.mkdir(parents=True, exist_ok=True)
    script = commands / "renderfleet"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m renderfleet "$@"\n')
    script.chmod(0o755)
    python_path = str(ROOT / "clients/python/src")
    environment = {**fleet.environment, "PYTHONPATH": python_path, "PATH": f"{commands}:/usr/bin:/bin"}
    words = {
        "sh": ["sh", "-e"],
        "python": [sys.executable, "-"],
        "node": ["node", "--input-type=module", "-"],
    }
    process = await asyncio.create_subprocess_exec(
        *words[program],
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await process.communicate(code.encode())
    assert process.returncode == 0, (code, said.decode())


def requests_of(fleet: ClientFleet) -> dict[str, dict[str, Any]]:
    address = fleet.site.url("/")
    return {
        "page.webp": {"url": address, "full_page": True, "format": "webp", "quality": 70, "viewport": WINDOW},
        "page.png": {
            "html": '<p>it\'s "so" `$(exit 3)` $HOME !! \\ ü\n😀',
            "styles": "p { color: 'x' } /* it's */ body { height: 300px }",
            "full_page": True,
            "viewport": WINDOW,
        },
        "page.pdf": {"url": address, "format": "pdf", "pdf": {"format": "A6", "landscape": True}},
    }


PROGRAMS = {"curl": "sh", "python": "python", "cli": "sh", "javascript": "node"}


@pytest.mark.parametrize("name", ["page.webp", "page.png", "page.pdf"])
async def test_each_form_of_the_code_makes_the_same_file(
    fleet: ClientFleet, tmp_path: Path, name: str
) -> None:
    request = requests_of(fleet)[name]
    _, key_id, secret = fleet.key.split("_", 2)
    signer = LinkSigner(key_id, link_key(secret), int(time.time()) + 3600)
    forms = {one.id: one for one in snippets(fleet.url, request, signer)}
    files: dict[str, bytes] = {}
    for form, program in PROGRAMS.items():
        if program == "node" and shutil.which("node") is None:
            continue
        folder = tmp_path / form
        await run(fleet, folder, program, forms[form].code)
        files[form] = (folder / name).read_bytes()
    if "url" in request:
        [address] = re.findall(r'(?:src|href)="([^"]*)"', forms["link"].code)
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            answer = await client.get(html.unescape(address))
        assert answer.status_code == 200, answer.text
        files["link"] = answer.content
    else:
        assert "give `url`" in forms["link"].note
    assert len(files) >= 4
    if name == "page.pdf":
        boxes = {form: re.findall(rb"/MediaBox \[[^]]*\]", content) for form, content in files.items()}
        assert all(found == boxes["curl"] for found in boxes.values()), boxes
    else:
        pictures = {form: Image.open(BytesIO(content)) for form, content in files.items()}
        kinds = {(picture.format, picture.size) for picture in pictures.values()}
        assert len(kinds) == 1, kinds
        [(kind, size)] = kinds
        assert kind == name.rpartition(".")[2].upper()
        assert size == {"page.webp": (320, 240), "page.png": (320, 316)}[name]


async def test_each_example_of_the_manual_is_a_call_that_the_server_understands(
    fleet: ClientFleet, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=fleet.url, timeout=PATIENCE_S, trust_env=False) as client:
        document = (await client.get("/openapi.json")).json()
    examples = Examples(document)
    calls = [
        (path, example.command)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for example in examples.of_call(method, path, operation)
        if not (method == "post" and path in NOT_RUN)
    ]
    assert len(calls) > 40
    # Of each command one line: the status, and the document that was answered. One stream does not end.
    lines = [
        f"{OWN_FILE.sub('', command)}{' --max-time 2' if path == ENDLESS else ''} "
        "-o answer -w '%{http_code}' > status || true\n"
        'printf "%s %s\\n" "$(cat status)" "$(head -c 20000 answer | tr -d \'\\n\' | tr -d \'\\0\')" >> said'
        for path, command in calls
    ]
    await run(fleet, tmp_path, "sh", "\n".join([*lines, "renderfleet fleet resume"]))
    said = (tmp_path / "said").read_text(errors="replace").splitlines()
    assert len(said) == len(calls)
    for (path, command), line in zip(calls, said, strict=True):
        status, _, body = line.partition(" ")
        if not status.startswith("2"):
            problem = json.loads(body)
            # What the example names does not exist here, but the call is one.
            assert problem["type"] in ("not_found", "link_not_signed"), (path, command, line)
