"""`python -m tests.chaos [--seconds N] [--seed N] [--workers N]`, which `make chaos` calls."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path
from typing import Final

import asyncpg
from redis.asyncio import Redis

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.engines import Engines
from deploy.embedded.install.progress import Progress, say
from deploy.embedded.processes.process import Program, run_to_end
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.bench.clients.product import find_chromium
from tests.bench.report.measure import OtherLoad
from tests.bench.report.report import facts
from tests.chaos.cases.controls import CONTROLS, check
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.fleet_under_test import RunEnvironment
from tests.chaos.report.report import Report
from tests.chaos.run import Plan, run
from tests.kit.long_run import run_to_the_end
from tests.kit.paths import ROOT

_HALF_AN_HOUR_S: Final = 1800
_QUICK_S: Final = 40
_MIGRATIONS_TIMEOUT_S: Final = 60.0


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.chaos",
        description="Kills, freezes and disconnects parts of the product under load, and counts lost jobs. "
        "Exit code 1: a job was lost, another promise was broken, or a control did not fail as it should.",
    )
    parser.add_argument("--seconds", type=float, help=f"of load and faults (default {_HALF_AN_HOUR_S})")
    parser.add_argument("--seed", type=int, help="of load and faults (default: chosen, and printed)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (default 3)")
    parser.add_argument("--quick", action="store_true", help="short leases, less than two minutes; no docs")
    parser.add_argument("--docs", type=Path, help="folder for chaos.md and its files (default: docs)")
    arguments = parser.parse_args(words)
    arguments.seconds = arguments.seconds or (_QUICK_S if arguments.quick else _HALF_AN_HOUR_S)
    arguments.seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    if arguments.workers < 2:
        parser.error("--workers must be at least 2: others must go on when one is killed")
    if arguments.docs is None and not arguments.quick:
        arguments.docs = ROOT / "docs"
    return arguments


async def _environment(engines: Engines, folder: Path, name: str) -> RunEnvironment:
    """Make a new, migrated database with a tenant and an API key. Redis must be empty."""
    connection = await asyncpg.connect(engines.database_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    url = f"{engines.database_url.rpartition('/')[0]}/{name}"
    own = folder / name
    own.mkdir()
    variables = {**clean_environment(), "RENDERFLEET_DATABASE_URL": url}
    program = Program("migrations", (sys.executable, "-m", "migrations"), own / "migrations.log", variables)
    await asyncio.to_thread(run_to_end, program, timeout_s=_MIGRATIONS_TIMEOUT_S)
    connection = await asyncpg.connect(url)
    try:
        key = await create_key(connection, tenant_name="chaos", key_name="chaos", scopes=frozenset(Scope))
    finally:
        await connection.close()
    return RunEnvironment(engines, url, key, own, find_chromium().executable)


async def _run(arguments: argparse.Namespace, command: str, folder: Path) -> bool:
    make = Scale.short if arguments.quick else Scale.long
    scale = make(seconds=arguments.seconds, seed=arguments.seed, workers=arguments.workers)
    progress, load = Progress(), OtherLoad()
    progress.line(f"seed {scale.seed}, {scale.seconds:g} s, {scale.workers} workers")
    with Engines.start(folder / "engines") as engines:
        verdict = await run(await _environment(engines, folder, "chaos"), Plan(scale), progress.line)
        controls = []
        for control in CONTROLS:
            progress.line(f"control: workers without the {control.without}, which must fail")
            async with Redis.from_url(engines.redis_url, socket_timeout=5) as redis:
                await redis.flushall()
            environment = await _environment(engines, folder, f"without_{control.without}")
            controls.append(await check(control, environment, seed=scale.seed, tell=progress.line))
    words = facts(chromium=find_chromium().version, command=command, other_load=load.share())
    report = Report(scale, verdict, controls, f"Seed {scale.seed}. {words}")
    say(f"\n{report.text()}\n")
    if arguments.docs:
        progress.line(f"written: {report.write(arguments.docs)}")
    return report.holds


def main(words: list[str]) -> int:
    """Run it, and return the exit code."""
    arguments = _arguments(words)
    command = " ".join(["python -m tests.chaos", *words])
    return run_to_the_end("chaos", lambda folder: _run(arguments, command, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
