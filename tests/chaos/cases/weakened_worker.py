"""`python -m tests.chaos.cases.weakened_worker fence|sweeper`: a worker without the fence or the sweeper.

It is for the controls: with such workers a run must find lost jobs, or jobs that were recorded twice. The
product has no setting for this, so this module changes the code of the product before it starts.
"""

import sys
from collections.abc import Callable
from typing import Final

from fleet.jobs.attempts import attempt
from worker import main
from worker.maintenance.sweeper import Sweeper

_FENCE: Final = "WHERE id = $1 AND attempt = $2 AND state = 'running'"
_NO_FENCE: Final = "WHERE id = $1 AND $2 > 0"


def _without_fence() -> None:
    """Let every attempt end the job, also one that has lost it."""
    if attempt._FINISH.count(_FENCE) != 1:  # noqa: SLF001 - what is removed here has no public name
        raise SystemExit(
            f"_FINISH in fleet/jobs/attempts/attempt.py "
            f"does not contain {_FENCE!r} any more: change this module"
        )
    attempt._FINISH = attempt._FINISH.replace(_FENCE, _NO_FENCE)  # type: ignore[misc]  # noqa: SLF001


def _without_sweeper() -> None:
    """Let no worker recover lost jobs."""

    async def do_nothing(self: Sweeper) -> None:
        """Recover nothing."""

    Sweeper.sweep = do_nothing  # type: ignore[method-assign]  # on purpose


WITHOUT: Final[dict[str, Callable[[], None]]] = {"fence": _without_fence, "sweeper": _without_sweeper}


if __name__ == "__main__":
    WITHOUT[sys.argv[1]]()
    sys.exit(main.main())
