"""Lists: what is taken for one, what an update changes, and what a worker does with a broken one."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.filters.compiled import CompiledList
from fleet.filters.errors import FilterListError
from fleet.filters.rules import parse
from fleet.filters.settings import FilterSettings
from fleet.filters.store import MANIFEST, SHIPPED, ListName, load, read_manifest, read_text
from fleet.filters.update import update
from worker.blocking.filter_lists import FilterLists
from worker.blocking.list_engine import ListEngine

PAGE = "https://www.page.example/"
HEAD = "[Adblock Plus 2.0]\n! Title: Mine\n! Homepage: https://mine.example/\n"
FILLING = "".join(f"||filling{number}.example^\n" for number in range(30_000))


def engine(*rules: str) -> ListEngine:
    """A list of these rules, among others."""
    few = "".join(f"||filling{number}.example^\n" for number in range(100))
    return ListEngine(CompiledList.of(parse(HEAD + few + "\n".join(rules) + "\n")))


def settings(folder: Path, text: str) -> FilterSettings:
    source = folder / "source.txt"
    source.write_text(text)
    return FilterSettings(filter_lists_folder=folder / "lists", filter_lists_trackers_url=f"file://{source}")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a list that an update has brought."""
    folder = tmp_path_factory.mktemp("filters")
    update(settings(folder, HEAD + FILLING))
    return folder


@pytest.fixture
def updated(once: Path, tmp_path: Path) -> Path:
    shutil.copytree(once / "lists", tmp_path / "lists")
    return tmp_path


def test_a_host_is_refused_with_all_below_it_and_by_pages_of_other_sites_alone() -> None:
    lists = engine("||ads.example^", "||widget.example^$third-party")
    assert lists.blocks_host("ads.example", PAGE)
    assert lists.blocks_host("x.ads.example", PAGE)
    assert not lists.blocks_host("bads.example", PAGE)
    assert lists.blocks_host("widget.example", PAGE)
    assert not lists.blocks_host("cdn.widget.example", "https://www.widget.example/")


def test_an_exception_holds_for_its_pages_and_leaves_the_host_to_the_engine() -> None:
    lists = engine(
        "||ads.example^", "@@||ads.example/player/$domain=page.example", "||b.example^", "@@||b.example/ok"
    )
    assert not lists.blocks_host("ads.example", PAGE)
    assert not lists.blocks("https://ads.example/player/1", PAGE, "script")
    assert lists.blocks("https://ads.example/other", PAGE, "script")
    assert lists.blocks_host("ads.example", "https://another.example/")
    assert not lists.blocks_host("b.example", "https://another.example/")
    assert lists.watched == ("b.example",)


@pytest.mark.parametrize("name", ListName)
def test_a_shipped_list_decides_as_its_text_does(name: ListName) -> None:
    facts = read_manifest(SHIPPED)[name]
    text = read_text(SHIPPED, facts)
    rules, compiled = parse(text), load(SHIPPED, facts)
    assert (compiled.hosts, compiled.third_party) == (rules.hosts, rules.third_party)
    assert (compiled.exceptions, compiled.watched) == (rules.exceptions, rules.watched)
    assert rules.count == facts.rules
    assert datetime.fromisoformat(facts.date).replace(tzinfo=UTC) < datetime.now(UTC)


def test_an_update_is_taken_by_a_worker_that_runs(tmp_path: Path) -> None:
    lists = FilterLists(tmp_path / "lists")
    assert lists.facts()[ListName.TRACKERS].title == "EasyPrivacy"
    update(settings(tmp_path, HEAD + FILLING))
    found = lists.facts()
    assert (found[ListName.TRACKERS].title, found[ListName.ADS].title) == ("Mine", "EasyList")
    assert load(tmp_path / "lists", found[ListName.TRACKERS]).hosts >= {"filling7.example"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE html><title>Sign in</title>\n", "a page of HTML"),
        ("\n\n<html><body>x\n", "a page of HTML"),
        ("nothing\n", "does not begin as a list"),
        (HEAD + FILLING[:-5], "cut off"),
        (HEAD + FILLING[: len(FILLING) * 2 // 3].rpartition("\n")[0] + "\n", "less than four fifths"),
        ("! Title: Other\n" + FILLING[: len(FILLING) // 3].rpartition("\n")[0] + "\n", "less than half"),
        (HEAD, "it has 0 rules"),
    ],
)
def test_what_is_no_list_is_refused_and_the_old_one_stays(updated: Path, text: str, why: str) -> None:
    before = (updated / "lists" / MANIFEST).read_bytes()
    with pytest.raises(FilterListError, match=f"the list of trackers is refused.*{why}"):
        update(settings(updated, text))
    assert (updated / "lists" / MANIFEST).read_bytes() == before


def test_nothing_is_fetched_unless_it_is_set(tmp_path: Path) -> None:
    with pytest.raises(FilterListError, match="set RENDERFLEET_FILTER_LISTS_FOLDER"):
        update(FilterSettings(filter_lists_folder=tmp_path))
    with pytest.raises(FilterListError, match=r"ads cannot be fetched: No such file or directory$"):
        update(FilterSettings(filter_lists_folder=tmp_path, filter_lists_ads_url=f"file://{tmp_path}/none"))


@pytest.mark.parametrize("harm", ["cut", "manifest", "gone"])
async def test_broken_files_of_the_operator_give_way_to_the_shipped_ones(updated: Path, harm: str) -> None:
    folder = updated / "lists"
    compiled = folder / read_manifest(folder)[ListName.TRACKERS].compiled
    if harm == "cut":
        compiled.write_bytes(compiled.read_bytes()[:1000])
    elif harm == "gone":
        compiled.unlink()
    else:
        (folder / MANIFEST).write_text(json.dumps({"lists": []}))
    lists = FilterLists(folder)
    loaded = (await lists.engines([ListName.TRACKERS]))[ListName.TRACKERS]
    assert loaded.blocks_host("static.hotjar.com", PAGE)
    assert not loaded.blocks_host("filling7.example", PAGE)
    assert lists.facts()[ListName.TRACKERS].title == "EasyPrivacy"
