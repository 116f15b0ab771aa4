"""Every block of commands in README.md and docs/ works as it is printed, in sh and pasted into zsh."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pypdf
import pytest
from PIL import Image, ImageChops, ImageStat

from deploy.embedded.install.environment import CLIENT, PythonEnvironment
from tests.kit.docs.blocks import Block, blocks
from tests.kit.docs.lone_machine import NAMESPACES
from tests.kit.docs.page_sheet import page_sheet, small_png
from tests.kit.docs.reader import SHELLS, Outcome
from tests.kit.docs.special_blocks import AND_THEN, NOT_RUN, UNTIL_CTRL_C, WORDS_ALONE
from tests.kit.docs.try_blocks import is_tried
from tests.kit.paths import ROOT

BLOCKS: Final = list(blocks())
TRIED: Final = [block for block in BLOCKS if block.name not in NOT_RUN]
IS_POSSIBLE: Final = (
    sys.platform == "linux"
    and subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode == 0
)
# How a problem document begins: `curl -s` takes it for an answer like any other.
REFUSAL: Final = re.compile(r'"type": ?"[a-z_]+", ?"title":')
IN_ZSH: Final = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh on this machine")
EACH_SHELL: Final = [
    pytest.param(block, shell, id=f"{block.name}-{shell}", marks=() if shell == "sh" else IN_ZSH)
    for block in TRIED
    for shell in SHELLS
    if is_tried(block, shell)
]
# The documents that docs/documents.md makes, and words on their pages.
EXAMPLES: Final = {
    "invoice": ["Net €4,393.20 | VAT 23% €1,010.44 | Total €5,403.64 | 29 November 2026 | Page 1 of 1"],
    "report": ["Water by month | given | metered | Dec | 1 / 2", "A second well | 2029 | 320 | 2 / 2"],
    "book": ["The Lamp at Gull Point", "Contents | The harbour | How dunes move", "crushed shells"],
}
# Of 255, on average: fonts and their edges differ between machines.
SHADES_THAT_MAY_DIFFER: Final = 8

needs_a_machine = pytest.mark.skipif(
    not IS_POSSIBLE, reason="needs namespaces of network, processes and mounts"
)
# What one fixture does belongs to the first test. Each block has a limit of its own.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader works."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[tuple[str, str], Outcome]:
    """All blocks in all shells, tried once on one fleet."""
    # In the reader's copy `make run` would install into the Python environment of the tests, which is linked.
    assert PythonEnvironment(client=CLIENT).is_sufficient_for("run"), "`make test` brings .venv up to date"
    shells = [shell for shell in SHELLS if shutil.which(shell)]
    python = (sys.executable, "-m")
    subprocess.run(
        [
            *NAMESPACES,
            *(*python, "tests.kit.docs.lone_machine", str(folder / "hosts")),
            *(*python, "tests.kit.docs.try_blocks", str(folder), *shells),
        ],
        cwd=ROOT,
        check=True,
    )
    found: list[Outcome] = json.loads((folder / "outcomes.json").read_text())
    return {(one["block"], one["shell"]): one for one in found}


def test_lists_name_only_blocks_that_exist() -> None:
    names = [block.name for block in BLOCKS]
    assert len(set(names)) == len(names), "two blocks of a page begin with the same line"
    assert {*NOT_RUN, *UNTIL_CTRL_C, *AND_THEN} <= set(names)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_has_no_comments(block: Block) -> None:
    """A zsh on a terminal takes them for words of the command."""
    assert not re.search(r"(^|\s)#", block.text, re.MULTILINE)


@needs_a_machine
@pytest.mark.parametrize(("block", "shell"), EACH_SHELL)
def test_a_block_works_as_printed(outcomes: dict[tuple[str, str], Outcome], block: Block, shell: str) -> None:
    outcome = outcomes[block.name, shell]
    assert outcome["code"] == 0, outcome["said"]
    assert not re.search(r"^(zsh|sh): ", outcome["said"], re.MULTILINE), outcome["said"]
    assert not REFUSAL.search(outcome["said"]), outcome["said"]


@needs_a_machine
@IN_ZSH
@pytest.mark.parametrize(
    "block",
    [block for block in TRIED if f"{WORDS_ALONE} " in block.text],
    ids=lambda block: block.name,
)
def test_both_shells_give_docker_the_same_words(
    outcomes: dict[tuple[str, str], Outcome], block: Block
) -> None:
    assert outcomes[block.name, "sh"]["said"] == outcomes[block.name, "zsh"]["said"]
    assert f"\n{WORDS_ALONE}\n" in "\n" + outcomes[block.name, "sh"]["said"]


@needs_a_machine
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_becomes_the_document_that_the_page_shows(
    outcomes: dict[tuple[str, str], Outcome], folder: Path, name: str
) -> None:
    """With RENDERFLEET_UPDATE_GOLDEN=1 the page gets new pictures."""
    assert outcomes
    made = folder / "renderfleet" / f"{name}.pdf"
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(made).pages]
    for page, words in zip(pages, EXAMPLES[name], strict=False):
        assert [word for word in words.split(" | ") if word not in page] == []
    shown = ROOT / "docs" / "images" / f"example-{name}.png"
    sheet = page_sheet(made)
    if os.environ.get("RENDERFLEET_UPDATE_GOLDEN"):
        shown.write_bytes(small_png(sheet))
    with Image.open(shown) as picture:
        assert picture.size == sheet.size
        difference = ImageChops.difference(picture.convert("L"), sheet.convert("L"))
    assert ImageStat.Stat(difference).mean[0] < SHADES_THAT_MAY_DIFFER
