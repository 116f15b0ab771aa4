"""The log lines that docs/operations/watch.md describes are those that the code writes."""

import re

from tests.kit.paths import ROOT

PAGE = (ROOT / "docs" / "operations" / "watch.md").read_text()
LINES = dict(re.findall(r"^\| `([^`]+)` \| (?:API|worker|each process)[^|]* \| (.+) \|$", PAGE, re.MULTILINE))
# Bound to all lines of a call, an attempt or a process, or given as facts.
BOUND = {"request_id", "job_id", "attempt", "worker_id", "schedule_id", "tenant_id", "key_id"}


def test_each_described_line_is_written_with_its_fields() -> None:
    assert len(LINES) > 7
    sources = [
        path.read_text() for root in ("api", "worker", "fleet") for path in (ROOT / root).rglob("*.py")
    ]
    for event, cell in LINES.items():
        calls = [
            re.split(r"\)\n", after)[0]
            for source in sources
            for after in re.split(
                rf'log\.\w+\(\s*"{re.escape(event)}"|warning\(\s*"{re.escape(event)}"', source
            )[1:]
        ]
        assert calls, event
        fields = set(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", cell))) - BOUND
        assert any(all(f"{field}=" in call for field in fields) for call in calls), (event, fields)
