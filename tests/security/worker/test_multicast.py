"""No page makes Chromium send multicast: an ICE candidate may name `printer.local`, and nobody is asked."""

import asyncio
import json
import subprocess
import sys
from typing import Any, Final

import pytest

from tests.kit.paths import ROOT

NAMESPACE: Final = ("unshare", "--user", "--map-root-user", "--net", "--")
# A cable with two ends is what the listener needs; some kernels have no such device.
CABLE: Final = ("ip", "link", "add", "inside", "type", "veth", "peer", "name", "outside")
HAS_CABLE: Final = subprocess.run([*NAMESPACE, *CABLE], capture_output=True, check=False).returncode == 0


async def heard(*words: str) -> dict[str, Any]:
    """What leaves a network namespace while a page names such a candidate."""
    process = await asyncio.create_subprocess_exec(
        *NAMESPACE,
        *(sys.executable, "-m", "tests.kit.security.isolated_network", *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.mark.skipif(not HAS_CABLE, reason="needs a network namespace with a veth pair")
async def test_an_ice_candidate_sends_no_multicast() -> None:
    control = await heard("--disable-features=None")
    assert control["heard"]["mdns"] > 0, "without our command line Chromium asks the local network"
    assert await heard() == {"heard": {}, "candidates": []}
