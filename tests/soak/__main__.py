"""`python -m tests.soak soak|leak-audit`, which `make soak` and `make leak-audit` call."""

import argparse
import sys
from pathlib import Path
from typing import Final

from deploy.embedded.install.progress import Progress, say
from tests.bench.clients.product import Product, find_chromium
from tests.bench.report.measure import OtherLoad
from tests.bench.report.report import PLOTS, facts, write_section
from tests.kit.long_run import run_to_the_end
from tests.kit.paths import ROOT
from tests.soak.plan import Plan
from tests.soak.report import AUDIT, KILLS, SOAK, SectionKind
from tests.soak.run import run

_HOUR_S: Final = 3600.0
_SOAK_RENDERS: Final = 5_000
_AUDIT_RENDERS: Final = 1_500
_QUICK_RENDERS: Final = 150
_ENDLESS: Final = 10**6
_LEAK_KB: Final = 200


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.soak",
        description="Renders for a long time on real engines, and measures memory and failures. Exit code 1: "
        "an aim was not met.",
    )
    parser.add_argument("what", choices=("soak", "leak-audit"), help="what to check")
    parser.add_argument(
        "--renders", type=int, help=f"how many (default: {_SOAK_RENDERS:,}; leak-audit {_AUDIT_RENDERS:,})"
    )
    parser.add_argument("--workers", type=int, help="worker processes (default: 2; leak-audit 3)")
    parser.add_argument(
        "--seconds", type=float, help=f"at most (default: {_HOUR_S:g}; with --kill-every-s 300)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order of the pages (default: 1)")
    parser.add_argument(
        "--kill-every-s", type=float, help="kill a browser at this interval, and check that no job is lost"
    )
    parser.add_argument(
        "--leaky", action="store_true", help=f"control: the last worker leaks {_LEAK_KB} KB with each render"
    )
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_RENDERS} renders by default; no docs")
    parser.add_argument("--docs", type=Path, help="folder for benchmarks.md and its plots (default: docs)")
    arguments = parser.parse_args(words)
    if arguments.docs is None and not (arguments.quick or arguments.leaky):
        arguments.docs = ROOT / "docs"
    if arguments.leaky and (arguments.what == "soak" or (arguments.workers or 3) < 3):
        parser.error(
            "--leaky is for a leak-audit of three workers or more: of two it is unknown which is wrong"
        )
    return arguments


def _plan(arguments: argparse.Namespace) -> tuple[Plan, SectionKind]:
    kills = arguments.kill_every_s is not None
    is_audit = arguments.what == "leak-audit"
    kind = KILLS if kills else AUDIT if is_audit else SOAK
    default_renders = _QUICK_RENDERS if arguments.quick else _AUDIT_RENDERS if is_audit else _SOAK_RENDERS
    plan = Plan(
        renders=arguments.renders or (_ENDLESS if kills else default_renders),
        seconds=arguments.seconds or (300.0 if kills else _HOUR_S),
        workers=arguments.workers or (3 if is_audit else 2),
        seed=arguments.seed,
        idle_checks=0 if kills else 10,
        idle_s=1.0 if arguments.quick else 6.0,
        kill_every_s=arguments.kill_every_s,
        leak_kb=_LEAK_KB if arguments.leaky else 0,
    )
    return plan, kind


async def _run(arguments: argparse.Namespace, command: str, folder: Path) -> bool:
    plan, kind = _plan(arguments)
    progress, load = Progress(), OtherLoad()
    with Product.start(folder, **plan.settings) as product:
        result = await run(await product.migrated(), plan, progress.line)
    words = facts(chromium=find_chromium().version, command=command, other_load=load.share())
    section = kind.section(result, (arguments.docs or folder) / PLOTS)
    say(f"\n{section.text()}\n\n{words}\n")
    for flaw in (*result.ledger.lost, *result.ledger.flaws, *result.left_behind):
        say(f"flaw: {flaw}")
    if arguments.docs:
        progress.line(f"written: {write_section(arguments.docs, kind.name, section, words, ())}")
    return all(aim.is_met for aim in section.aims)


def main(words: list[str]) -> int:
    """Run it, and return the exit code."""
    arguments = _arguments(words)
    command = " ".join(["python -m tests.soak", *words])
    return run_to_the_end("soak", lambda folder: _run(arguments, command, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
