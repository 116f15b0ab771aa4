"""The process of one run, or of some after each other: limits itself, reads work, does it, writes the result.

It was forked by fork_server.py, so all that it needs is imported already. It ends without tidying up: there
is nothing to tidy.
"""

import errno
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from fleet.confined.limits import Limit
from fleet.confined.refusal import Refusal

# How it ends if not by a signal and not well.
EXIT_BROKEN: Final = 1
EXIT_REFUSED: Final = 64
EXIT_LIMITS: Final[Mapping[int, Limit]] = {65: Limit.MEMORY, 66: Limit.OUTPUT}
_EXIT_MEMORY, _EXIT_OUTPUT = EXIT_LIMITS
# Before each result comes its length.
LENGTH_BYTES: Final = 8

Work = Callable[..., bytes]


def run(work: Work, socket_fd: int, report_fd: int) -> NoReturn:
    """Do the work that comes through a socket; afterwards the process ends.

    Args:
        work: the program's function.
        socket_fd: has for each run one line of JSON, with arguments, limits and the length of the data, then
            the data. It gets the length of each result, then the result.
        report_fd: becomes the standard error.
    """
    code = EXIT_BROKEN
    try:
        _be_a_process_of_its_own(socket_fd, report_fd)
        code = _do(work)
    except MemoryError:
        code = _EXIT_MEMORY
    finally:
        os._exit(code)


def _be_a_process_of_its_own(socket_fd: int, report_fd: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(socket_fd, 0)
    os.dup2(socket_fd, 1)
    os.dup2(report_fd, 2)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # the helper's, and of other runs


def _do(work: Work) -> int:
    """Do one piece of work after the other, until no more comes."""
    with open(0, "rb", closefd=False) as given, open(1, "wb", closefd=False) as taken:
        while line := given.readline():
            head = json.loads(line)
            _limit(head)
            try:
                output = work(given.read(head["data_bytes"]), *head["arguments"])
            except Refusal as refusal:
                _say("\n" + json.dumps(refusal.facts))
                return EXIT_REFUSED
            except MemoryError:
                raise
            except BaseException as error:  # noqa: BLE001 - reported, and then the process ends
                if isinstance(error, OSError) and error.errno == errno.EFBIG:
                    return _EXIT_OUTPUT
                _say(traceback.format_exc())
                return EXIT_BROKEN
            if len(output) > head["output_bytes"]:
                return _EXIT_OUTPUT
            taken.write(len(output).to_bytes(LENGTH_BYTES, "big"))
            taken.write(output)
            taken.flush()
            signal.setitimer(signal.ITIMER_REAL, 0)  # it may wait for more as long as it likes
    return 0


def _say(words: str) -> None:
    sys.stderr.write(words)
    sys.stderr.flush()


def _limit(head: Mapping[str, Any]) -> None:
    """Let the kernel hold this process to its limits. Its signals end it, as it handles none."""
    # A second more, or else the kernel sends SIGKILL in place of SIGXCPU, which says nothing.
    resource.setrlimit(resource.RLIMIT_CPU, (head["cpu_s"], head["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (head["output_bytes"], head["output_bytes"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (head["open_files"], head["open_files"]))
    if head["memory_bytes"] is not None and sys.platform != "darwin":
        resource.setrlimit(resource.RLIMIT_AS, (head["memory_bytes"], head["memory_bytes"]))
    signal.setitimer(signal.ITIMER_REAL, head["wall_s"])
