"""(f) How long `make run` takes to be ready once everything is installed, and to stop."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from typing import Final

from deploy.embedded.engines.ports import LOOPBACK, free_port
from tests.bench.cases.case import Bench
from tests.bench.clients.product import ProductError
from tests.bench.report.measure import Spread
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table

_READY: Final = b"renderfleet is ready."
_READY_AIM_S: Final = 5.0
_STOP_AIM_S: Final = 10.0
_GIVE_UP_S: Final = 60.0


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = {**os.environ, "DATA_DIR": str(bench.folder / "data"), "API_HOST": LOOPBACK}
    ready_s: list[float] = []
    stop_s: list[float] = []
    rounds = bench.pick(7, 1)
    for number in range(rounds + 1):
        bench.say(
            "the first start, which makes the data" if number == 0 else f"warm start {number} of {rounds}"
        )
        seconds = await _once({**environment, "API_PORT": str(free_port())})
        if number:
            ready_s.append(seconds[0])
            stop_s.append(seconds[1])
    return _section(bench, Spread.of(ready_s), Spread.of(stop_s))


async def _once(environment: dict[str, str]) -> tuple[float, float]:
    """Seconds until ready, and from SIGTERM to the end of the launcher and all its processes."""
    clock = asyncio.get_running_loop().time
    started = clock()
    launcher = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.embedded", env=environment, stdout=PIPE
    )
    try:
        async with asyncio.timeout(_GIVE_UP_S):
            said = b""
            while _READY not in said:
                line = await launcher.stdout.readline() if launcher.stdout else b""
                if not line:
                    raise ProductError(f"make run ended before it was ready: {said.decode()}")
                said += line
            ready = clock()
            launcher.send_signal(signal.SIGTERM)
            await launcher.communicate()
    finally:
        if launcher.returncode is None:
            launcher.send_signal(signal.SIGTERM)
            await launcher.wait()
    return ready - started, clock() - ready


def _section(bench: Bench, ready: Spread, stop: Spread) -> Section:
    section = Section(
        "`make run`: from the command to ready",
        aims=[
            Aim(f"warm start ready within {_READY_AIM_S:g} s", f"{ready} s", ready.high <= _READY_AIM_S),
            Aim(f"SIGTERM ends all of it within {_STOP_AIM_S:g} s", f"{stop} s", stop.high <= _STOP_AIM_S),
        ],
    )
    section.parts.append(
        "The launcher with one worker, on data of an earlier start, everything installed: three engines, "
        "migrations, the API and a worker with its browser. *Ready* is when it says so, which it does when "
        "the API answers and the worker has reported; *stop* is from SIGTERM, idle, until its last process "
        "has ended. Judged on the slowest round."
    )
    section.parts.append(Table(("", "seconds"), [("ready", str(ready)), ("stop", str(stop))]))
    plot = bars(
        bench.plots / "make_run.png",
        title="make run",
        unit="s",
        groups=["ready", "stop"],
        series={"seconds": [ready, stop]},
    )
    section.parts.append(Plot(plot, "seconds until ready and until stopped"))
    return section
