"""The rules for consent banners that a document is given."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from worker.render import in_page
from worker.render.overlays.rules import AUTOCONSENT_VERSION, rules_for

VENDOR = Path(in_page.__file__).with_name("vendor")


def selected(url: str, *, is_main: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rules_for(url, is_main=is_main))
    found["names"] = {rule[1] for rule in found["r"]}
    return found


def test_a_document_is_given_the_rules_for_every_site() -> None:
    found = selected("https://example.com/")
    assert {"didomi", "osano", "quantcast"} <= found["names"]
    assert "piano.io" not in found["names"]  # is for frames alone
    assert not [rule[1] for rule in found["r"] if rule[3]]


def test_a_document_is_given_the_rules_for_its_address_too() -> None:
    name = "auto_DE_huss-licht-ton.de_jj0"
    assert name not in selected("https://example.com/")["names"]
    assert name not in selected("https://www.huss-licht-ton.de/")["names"]  # is for its frames
    assert name in selected("https://www.huss-licht-ton.de/", is_main=False)["names"]
    assert "steampowered.com" in selected("https://store.steampowered.com/")["names"]


def test_a_frame_is_given_few_rules() -> None:
    assert selected("https://example.com/", is_main=False)["names"] == {"cookiealert", "piano.io"}


def test_each_rule_finds_its_texts_at_their_numbers() -> None:
    found = selected("https://example.com/")
    (didomi,) = [rule for rule in found["r"] if rule[1] == "didomi"]
    assert found["s"][didomi[6][0]["e"]] == "#didomi-host"
    for rule in found["r"]:
        assert all(found["s"][number] for number in rule[5])


@pytest.mark.parametrize(
    "name", ["autoconsent.js", "autoconsent-rules.json", "readability.js", "turndown.js"]
)
def test_files_of_others_are_those_that_are_listed(name: str) -> None:
    row = re.search(
        rf"^\| `{re.escape(name)}` \|.*\| `(\w{{64}})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE
    )
    assert row is not None
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == row[1]


def test_the_version_that_evidence_tells_is_that_of_the_rules() -> None:
    table = (VENDOR / "README.md").read_text()
    assert f"| `autoconsent-rules.json` | `@duckduckgo/autoconsent` {AUTOCONSENT_VERSION}," in table
