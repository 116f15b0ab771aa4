"""`python -m tests.chaos [--seconds N] [--seed N] [--workers N]`, which is what `make chaos` runs."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

import asyncpg
from redis.asyncio import Redis

from deploy.embedded import process_tree
from deploy.embedded.data_dir import DataDirError
from deploy.embedded.engine import clean_environment
from deploy.embedded.engines import EngineError, Engines
from deploy.embedded.privileges import PrivilegeError
from deploy.embedded.process import ProcessError, Program, run_to_end
from deploy.embedded.progress import Progress, say
from fleet.tenants import Scope, create_key
from tests.bench.measure import OtherLoad
from tests.bench.product import ProductError, find_chromium
from tests.bench.report import facts
from tests.chaos.controls import CONTROLS, check
from tests.chaos.member import NotReadyError
from tests.chaos.report import Report
from tests.chaos.run import Plan, run
from tests.chaos.scale import Scale
from tests.chaos.world import Ground

ROOT: Final = Path(__file__).parents[2]
_HALF_AN_HOUR_S: Final = 1800
_QUICK_S: Final = 40
_MIGRATIONS_TIMEOUT_S: Final = 60.0
_INTERRUPTED: Final = 130
_EXPECTED: Final = (DataDirError, EngineError, PrivilegeError, ProcessError, ProductError, NotReadyError)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.chaos",
        description="Kills, freezes and cuts off everything under load, and counts what was lost. "
        "Exit code 1: something was, or a crippled control did not fail as it should.",
    )
    parser.add_argument("--seconds", type=float, help=f"of load and faults (default {_HALF_AN_HOUR_S})")
    parser.add_argument("--seed", type=int, help="of load and faults (default: chosen, and printed)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (default 3)")
    parser.add_argument("--quick", action="store_true", help="short leases, less than two minutes; no page")
    parser.add_argument("--docs", type=Path, help="folder for chaos.md and its files (default: docs)")
    arguments = parser.parse_args(words)
    arguments.seconds = arguments.seconds or (_QUICK_S if arguments.quick else _HALF_AN_HOUR_S)
    arguments.seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    if arguments.workers < 2:
        parser.error("--workers must be at least 2: one dies, and others must go on")
    if arguments.docs is None and not arguments.quick:
        arguments.docs = ROOT / "docs"
    return arguments


async def _ground(engines: Engines, folder: Path, name: str) -> Ground:
    """A fresh, migrated database with a tenant and a key, and an empty Redis."""
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
    return Ground(engines, url, key, own, find_chromium().executable)


async def _run(arguments: argparse.Namespace, command: str, folder: Path) -> bool:
    task = asyncio.current_task()
    if task is not None:  # SIGINT cancels it already
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    make = Scale.short if arguments.quick else Scale.long
    scale = make(seconds=arguments.seconds, seed=arguments.seed, workers=arguments.workers)
    progress, load = Progress(), OtherLoad()
    progress.line(f"seed {scale.seed}, {scale.seconds:g} s, {scale.workers} workers")
    with Engines.start(folder / "engines") as engines:
        verdict = await run(await _ground(engines, folder, "chaos"), Plan(scale), progress.line)
        controls = []
        for control in CONTROLS:
            progress.line(f"control: workers without the {control.without}, which must fail")
            async with Redis.from_url(engines.redis_url, socket_timeout=5) as redis:
                await redis.flushall()
            ground = await _ground(engines, folder, f"without_{control.without}")
            controls.append(await check(control, ground, seed=scale.seed, tell=progress.line))
    words = facts(chromium=find_chromium().version, command=command, other_load=load.share())
    report = Report(scale, verdict, controls, f"Seed {scale.seed}. {words}")
    say(f"\n{report.text()}\n")
    if arguments.docs:
        progress.line(f"written: {report.write(arguments.docs)}")
    return report.holds


def _reason(error: Exception) -> Exception:
    """The error itself, or the first one of a group of tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def main(words: list[str]) -> int:
    """Run it; returns the exit code."""
    arguments = _arguments(words)
    os.chdir(ROOT)
    process_tree.adopt_orphans()
    command = " ".join(["python -m tests.chaos", *words])
    try:
        with tempfile.TemporaryDirectory(prefix="renderfleet-chaos-", ignore_cleanup_errors=True) as folder:
            os.environ["MPLCONFIGDIR"] = folder  # matplotlib leaves its caches there, not in somebody's home
            try:
                return 0 if asyncio.run(_run(arguments, command, Path(folder))) else 1
            finally:
                process_tree.end_all_children()
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("\nStopped. Nothing was written, nothing is left running.")
        return _INTERRUPTED
    except TimeoutError:
        say("\nchaos: the run did not come to an end and was stopped.")
        return 1
    except (*_EXPECTED, ExceptionGroup) as error:
        reason = _reason(error)
        if not isinstance(reason, _EXPECTED):
            raise
        say(f"\nchaos: {reason}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
