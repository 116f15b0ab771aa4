"""A reader who pastes a block of commands into a terminal: what the shell then said, and how it ended."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from tests.kit.docs.blocks import Block

# zsh as on a new machine, reading from a terminal: no file of the user's, comments are words, `!` is history.
SHELLS: Final[Mapping[str, tuple[str, ...]]] = {
    "sh": ("sh", "-e"),
    "zsh": ("zsh", "-f", "-i", "-e", "-o", "no_prompt_sp", "-o", "no_prompt_cr"),
}
BLOCK_S: Final = 60.0
# A file tells nobody that it grew.
LOOK_S: Final = 0.02


class CtrlC(NamedTuple):
    """When a reader presses Ctrl-C, and what is said last.

    Attributes:
        after: words that say that the program works.
        last: words that say that it has ended.
    """

    after: str
    last: str


class Outcome(TypedDict):
    """What came of a block in one shell."""

    block: str
    shell: str
    code: int
    said: str
    took_s: float


def paste(
    block: Block,
    shell: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    and_then: str = "",
    ctrl_c: CtrlC | None = None,
) -> Outcome:
    """Give a shell the block as its input; it ends at the first command that fails.

    Args:
        block: the commands.
        shell: `sh` or `zsh`.
        folder: where the reader is.
        environment: variables of the reader's shell.
        log: file for what is said.
        and_then: commands of our own after the block, which fail when it has not done what it says.
        ctrl_c: for a block that runs until then.
    """
    source = log.with_suffix(".in")
    source.write_text(block.text + and_then)
    began = time.monotonic()
    with log.open("wb") as output, source.open("rb") as keys:
        process = subprocess.Popen(
            SHELLS[shell],
            cwd=folder,
            env={**environment, "PS1": "", "PS2": ""},
            stdin=keys,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    code = process.wait(BLOCK_S) if ctrl_c is None else press(ctrl_c, process, log)
    took_s = time.monotonic() - began
    return Outcome(block=block.name, shell=shell, code=code, said=log.read_text(), took_s=took_s)


def press(ctrl_c: CtrlC, process: subprocess.Popen[bytes], log: Path) -> int:
    """Press Ctrl-C when it is time; 0, or the code with which the process ended before that."""
    while ctrl_c.after not in log.read_text():
        if (code := process.poll()) is not None:
            return code
        time.sleep(LOOK_S)
    os.killpg(process.pid, signal.SIGINT)
    # The shell itself ends by the signal; some shells do not wait for the program.
    process.wait(BLOCK_S)
    wait_for(ctrl_c.last, log)
    return 0


def wait_for(words: str, log: Path) -> None:
    """Wait until these words were said."""
    deadline = time.monotonic() + BLOCK_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, f"not said within {BLOCK_S} s: {words}\n{log.read_text()}"
        time.sleep(LOOK_S)
