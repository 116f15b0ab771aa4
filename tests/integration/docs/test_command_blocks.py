"""Every block of commands in README.md and docs/ works as it is printed, in sh and pasted into zsh."""

import json
import re
import shutil
import subprocess
import sys
from typing import Final

import pytest

from tests.kit.docs.blocks import Block, blocks
from tests.kit.docs.lone_machine import NAMESPACES
from tests.kit.docs.reader import SHELLS, Outcome
from tests.kit.docs.special_blocks import AND_THEN, NOT_RUN, UNTIL_CTRL_C, WORDS_ALONE
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
EACH_SHELL: Final = ["sh", pytest.param("zsh", marks=IN_ZSH)]

needs_a_machine = pytest.mark.skipif(
    not IS_POSSIBLE, reason="needs namespaces of network, processes and mounts"
)
pytestmark = pytest.mark.timeout(300)  # what one fixture does belongs to the first test


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Outcome]:
    """All blocks in all shells, tried once on one fleet."""
    folder = tmp_path_factory.mktemp("reader")
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
@pytest.mark.parametrize("shell", EACH_SHELL)
@pytest.mark.parametrize("block", TRIED, ids=lambda block: block.name)
def test_a_block_works_as_printed(outcomes: dict[tuple[str, str], Outcome], block: Block, shell: str) -> None:
    outcome = outcomes[block.name, shell]
    assert outcome["code"] == 0, outcome["said"]
    assert not re.search(r"^(zsh|sh): ", outcome["said"], re.MULTILINE), outcome["said"]
    assert not REFUSAL.search(outcome["said"]), outcome["said"]


@needs_a_machine
@IN_ZSH
@pytest.mark.parametrize(
    "block", [block for block in TRIED if f"{WORDS_ALONE} " in block.text], ids=lambda block: block.name
)
def test_both_shells_give_docker_the_same_words(
    outcomes: dict[tuple[str, str], Outcome], block: Block
) -> None:
    assert outcomes[block.name, "sh"]["said"] == outcomes[block.name, "zsh"]["said"]
    assert f"\n{WORDS_ALONE}\n" in "\n" + outcomes[block.name, "sh"]["said"]
