"""Alerts and dashboard ask for metrics and labels that exist, in words that Prometheus understands."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import promql_parser
import pytest
from prometheus_client import Histogram

from fleet.errors import ErrorType
from fleet.jobs.job import State
from tests.kit.docs.declared_metrics import DECLARED
from tests.kit.paths import ROOT

ALERTS = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()
ALERT_TESTS = (ROOT / "deploy" / "prometheus" / "alerts_test.yaml").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "renderfleet.json").read_text())
RUNBOOK = (ROOT / "docs" / "operations" / "when-it-breaks.md").read_text()

# What Prometheus adds to every sample.
EVERYWHERE: Final = {"instance", "job"}
SUFFIXES: Final = ("_bucket", "_count", "_sum")
WORDS: Final[dict[str, set[str]]] = {"error_type": set(ErrorType), "state": set(State)}


def fields(name: str) -> dict[str, str]:
    """What one alert says, folded as YAML folds it."""
    (text,) = re.findall(rf"^      - alert: {name}\n((?:        .*\n)+)", ALERTS, re.MULTILINE)
    found = re.findall(
        r"^ +(\w+): *(?:>-\n((?:            .*\n|          .*\n)+)|(.*)\n)", text, re.MULTILINE
    )
    return {key: " ".join((folded or plain).split()) for key, folded, plain in found}


NAMES = re.findall(r"- alert: (\w+)", ALERTS)


def samples() -> dict[str, set[str]]:
    """Every sample that we export, with its labels."""
    found: dict[str, set[str]] = {"up": set()}
    for metric, _ in DECLARED:
        name, labels = metric._name, set(metric._labelnames)  # noqa: SLF001 - no public way to them
        if isinstance(metric, Histogram):
            found |= {f"{name}{suffix}": labels | {"le"} for suffix in SUFFIXES}
        else:
            found[name + ("_total" if metric._type == "counter" else "")] = labels  # noqa: SLF001
    return found


SAMPLES = samples()


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, by what it is for."""
    for name in NAMES:
        yield name, fields(name)["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            # Grafana puts in a duration before Prometheus sees it.
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


EXPRESSIONS = list(expressions())


def selected(expression: str) -> list[promql_parser.VectorSelector]:
    """What the expression reads; parsing it is a test by itself."""
    found = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.mark.parametrize(("purpose", "expression"), EXPRESSIONS)
def test_an_expression_asks_for_what_there_is(purpose: str, expression: str) -> None:
    read = selected(expression)
    assert read, purpose
    grouped = {
        label.strip()
        for labels in re.findall(r"\b(?:by|ignoring|on) \(([^)]*)\)", expression)
        for label in labels.split(",")
        if label.strip()
    }
    known = set(EVERYWHERE)
    for selector in read:
        assert selector.name in SAMPLES
        labels = SAMPLES[selector.name]
        known |= labels
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels | EVERYWHERE, matcher.name
            words = WORDS.get(matcher.name)
            assert words is None or set(matcher.value.split("|")) <= words, matcher.value
    assert grouped <= known


def test_the_parser_refuses_what_prometheus_would() -> None:
    for wrong in ("sum(rate(renderfleet_jobs_open)", "rate(renderfleet_jobs_open)", "max by state (up)"):
        with pytest.raises(ValueError, match=r"."):
            promql_parser.parse(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_says_how_bad_what_and_what_to_do(name: str) -> None:
    said = fields(name)
    assert said["severity"] in {"warning", "critical"}
    assert said["summary"].strip('"').endswith(".")
    assert len(said["description"].split()) > 10
    named = {label for text in said.values() for label in re.findall(r"\$labels\.(\w+)", text)}
    for selector in selected(said["expr"]):
        assert named <= SAMPLES[selector.name or ""] | EVERYWHERE
    assert said["runbook"] == f"docs/operations/when-it-breaks.md#{name.lower()}"
    section = re.search(
        rf"^### {name}\n\n{said['severity']}: (.+?)(?=\n###|\Z)", RUNBOOK, re.DOTALL | re.MULTILINE
    )
    assert section, f"docs/operations/when-it-breaks.md has no section for {name}"
    assert len(section[1].split()) > 10
    assert name in ALERT_TESTS, f"no test of {name}"


def test_no_alert_is_documented_that_does_not_exist() -> None:
    assert len(set(NAMES)) == len(NAMES) > 10
    assert re.findall(r"^### (Renderfleet\w+)$", RUNBOOK, re.MULTILINE) == NAMES


def test_the_dashboard_shows_every_metric() -> None:
    shown = {
        selector.name for title, text in EXPRESSIONS if title not in NAMES for selector in selected(text)
    }
    missing = {
        name for name in SAMPLES if name.removesuffix("_bucket") == name and not name.endswith(SUFFIXES)
    } - shown
    assert missing <= {"up", "renderfleet_queue_entries_dropped_total"}


def test_the_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    identities = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identities)) == len(identities)
