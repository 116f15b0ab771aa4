"""Imitates a reader who pastes a block of commands into a terminal; records the output and the exit code."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from tests.kit.docs.blocks import Block
from tests.kit.patience import PATIENCE_S

# zsh as it is in a terminal of a new machine: without configuration files; `#` begins no comment, and `!` has
# its special meaning.
SHELLS: Final[Mapping[str, tuple[str, ...]]] = {
    "sh": ("sh", "-e"),
    "zsh": ("zsh", "-f", "-i", "-e", "-o", "no_prompt_sp", "-o", "no_prompt_cr"),
}
# It only ends what hangs. A block with a few commands took 30 s on a machine with a load of 13.
BLOCK_S: Final = 2 * PATIENCE_S
# Seconds between two looks at a log: a file that grows causes no event.
LOOK_S: Final = 0.02


class CtrlC(NamedTuple):
    """When a reader presses Ctrl-C, and what the program prints then.

    Attributes:
        after: printed when the program works; then Ctrl-C is pressed.
        last: printed when the program has ended.
    """

    after: str
    last: str


class Outcome(TypedDict):
    """The result of a block in one shell."""

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
        folder: the shell's working directory.
        environment: variables of the shell.
        log: file for the output.
        and_then: commands that are run after the block, to check its effect.
        ctrl_c: for a block that runs until Ctrl-C.
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
    """Press Ctrl-C when the program works. Returns 0, or the exit code if the process ended before."""
    while ctrl_c.after not in log.read_text():
        if (code := process.poll()) is not None:
            return code
        time.sleep(LOOK_S)
    os.killpg(process.pid, signal.SIGINT)
    # The signal ends the shell, too. Some shells do not wait for the program, so its last words are awaited.
    process.wait(BLOCK_S)
    wait_for(ctrl_c.last, log)
    return 0


def wait_for(words: str, log: Path) -> None:
    """Wait until these words are in the log."""
    deadline = time.monotonic() + BLOCK_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, f"not said within {BLOCK_S} s: {words}\n{log.read_text()}"
        time.sleep(LOOK_S)
