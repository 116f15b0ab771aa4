"""What a worker tells of itself."""

import json

from fleet.filters.store import MANIFEST, SHIPPED
from worker.blocking.filter_lists import FilterLists
from worker.health.vitals import list_vitals


def test_the_lists_are_told_as_their_manifest_has_them() -> None:
    stored = json.loads((SHIPPED / MANIFEST).read_text())["lists"]
    told = [list_vitals(one).model_dump() for one in FilterLists().facts().values()]
    assert told == [{name: entry[name] for name in told[0]} for entry in stored]
    assert {one["name"] for one in told} == {"ads", "trackers"}
