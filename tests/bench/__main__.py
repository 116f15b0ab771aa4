"""`python -m tests.bench [case ...] [--quick]`, which `make bench` calls."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from deploy.embedded.data_dir import DataDirError
from deploy.embedded.engines.engines import EngineError
from deploy.embedded.install.progress import Progress
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.privileges import PrivilegeError
from deploy.embedded.processes.process import ProcessError
from tests.bench.cases import make_run
from tests.bench.cases.case import Bench
from tests.bench.cases.documents import merge, other_printers, printing
from tests.bench.cases.fleet import growth, many_workers, more_workers, rolling_update
from tests.bench.cases.queue import backlog, cancel, lists, pickup, pickup_busy, post, scaling, tail, waiters
from tests.bench.cases.render import (
    auto_cost,
    block_costs,
    block_lists,
    compare,
    latency,
    option_costs,
    overlay_costs,
    peers,
    readiness,
    render_cost,
    small_png,
)
from tests.bench.cases.worker import cgroup, egress, floods, memory_budget, recycle, upload_memory
from tests.bench.clients.cgroup_group import GroupError
from tests.bench.clients.product import ProductError, find_chromium
from tests.bench.clients.responder import ResponderError
from tests.bench.report.measure import OtherLoad
from tests.bench.report.quoting import quote
from tests.bench.report.report import PLOTS, Section, facts, write_section
from tests.kit.paths import ROOT

# The longest case, cgroup, takes seven minutes on two otherwise idle cores.
_CASE_TIMEOUT_S: Final = 1200.0

CASES: Final[dict[str, Callable[[Bench], Awaitable[Section]]]] = {
    "render_cost": render_cost.run,
    "peers": peers.run,
    "latency": latency.run,
    "tail": tail.run,
    "post": post.run,
    "pickup": pickup.run,
    "pickup_busy": pickup_busy.run,
    "backlog": backlog.run,
    "upload_memory": upload_memory.run,
    "make_run": make_run.run,
    "waiters": waiters.run,
    "lists": lists.run,
    "scaling": scaling.run,
    "more_workers": more_workers.run,
    "rolling_update": rolling_update.run,
    "growth": growth.run,
    "many_workers": many_workers.run,
    "cancel": cancel.run,
    "recycle": recycle.run,
    "memory_budget": memory_budget.run,
    "egress": egress.run,
    "readiness": readiness.run,
    "auto_cost": auto_cost.run,
    "option_costs": option_costs.run,
    "block_lists": block_lists.run,
    "block_costs": block_costs.run,
    "overlay_costs": overlay_costs.run,
    "small_png": small_png.run,
    "compare": compare.run,
    "cgroup": cgroup.run,
    "floods": floods.run,
    "merge": merge.run,
    "printing": printing.run,
    "other_printers": other_printers.run,
}
# Pages with tables of cases in them, between lines that name the case.
QUOTING: Final = ("docs/operations/size.md", "docs/readiness.md")
EXPECTED: Final = (
    DataDirError,
    EngineError,
    GroupError,
    PrivilegeError,
    ProcessError,
    ProductError,
    ResponderError,
)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.bench", description="Measures renderfleet on this machine."
    )
    parser.add_argument("cases", nargs="*", metavar="case", help=f"{', '.join(CASES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="few rounds, to check that all works; no docs")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the case tail; by default 10")
    parser.add_argument("--docs", type=Path, help="folder for benchmarks.md and its plots (default: docs)")
    arguments = parser.parse_args(words)
    unknown = set(arguments.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; cases are {', '.join(CASES)}")
    arguments.cases = arguments.cases or list(CASES)
    if arguments.docs is None and not arguments.quick:
        arguments.docs = ROOT / "docs"
    return arguments


async def _run(arguments: argparse.Namespace, command: str, progress: Progress) -> None:
    task = asyncio.current_task()
    if task is not None:  # asyncio already does this for SIGINT
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    chromium = find_chromium().version
    for name in arguments.cases:
        with tempfile.TemporaryDirectory(prefix="renderfleet-bench-", ignore_cleanup_errors=True) as folder:
            os.environ["MPLCONFIGDIR"] = folder  # for the caches of matplotlib
            docs = arguments.docs or Path(folder)
            bench = Bench(
                name, Path(folder), docs / PLOTS, arguments.quick, progress, minutes=arguments.minutes
            )
            load = OtherLoad()
            async with asyncio.timeout(_CASE_TIMEOUT_S):
                section = await CASES[name](bench)
            print(f"\n{section.text()}\n", flush=True)
            words = facts(chromium=chromium, command=command, other_load=load.share())
            print(words + "\n", flush=True)
            if arguments.docs:
                progress.line(f"written: {write_section(docs, name, section, words, list(CASES))}")
                for page in QUOTING if arguments.docs == ROOT / "docs" else ():
                    if quote(ROOT / page, name, section):
                        progress.line(f"written: the table in {page}")


def main(words: list[str]) -> int:
    """Run the cases, and return the exit code."""
    arguments = _arguments(words)
    os.chdir(ROOT)
    process_tree.adopt_orphans()
    command = " ".join(["python -m tests.bench", *words])
    try:
        asyncio.run(_run(arguments, command, Progress()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped. Sections of finished cases are written.", flush=True)
        return 130
    except TimeoutError:
        print(f"\nbench: the case took longer than {_CASE_TIMEOUT_S:.0f} s and was stopped.", file=sys.stderr)
        return 1
    except EXPECTED as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    finally:
        process_tree.end_all_children()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
