"""Traces that nobody wants cost nothing; the caller's `traceparent` is kept all the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.telemetry.traces import SILENT, continued, earlier_span, span, start_traces, traceparent
from fleet.telemetry.traces.settings import TraceSettings
from tests.kit.paths import ROOT

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RECORDER = ROOT / "fleet/telemetry/traces/recorder.py"


def imports(path: Path, *, at_start: bool) -> Iterator[str]:
    """What a module imports: when it is loaded, or also later."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_start else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def modules() -> list[Path]:
    return [path for folder in ("api", "fleet", "worker") for path in (ROOT / folder).rglob("*.py")]


def test_nothing_of_opentelemetry_is_loaded_before_it_is_wanted() -> None:
    for path in modules():
        if path != RECORDER:
            assert not [name for name in imports(path, at_start=False) if name.startswith("opentelemetry")]
            assert "fleet.telemetry.traces.recorder" not in list(imports(path, at_start=True)), path


def test_without_an_address_nothing_is_recorded() -> None:
    start_traces(TraceSettings(traces_endpoint=None), service="tests")
    with span("anything", job_id="1") as silent:
        silent.note(more=1)
        silent.fail("reason")
        assert silent is SILENT
        assert traceparent() is None
    earlier_span("anything", seconds=1)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        GIVEN.upper(),
        f"01{GIVEN[2:]}",
        f"{GIVEN}-more",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_what_means_nothing_is_ignored(given: str | None) -> None:
    with continued(given):
        assert traceparent() is None


def test_the_callers_own_is_kept_for_as_long_as_the_block_lasts() -> None:
    with continued(GIVEN):
        assert traceparent() == GIVEN
        with continued(None):
            assert traceparent() is None
        assert traceparent() == GIVEN
    assert traceparent() is None
