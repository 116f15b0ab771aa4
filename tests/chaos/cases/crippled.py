"""`python -m tests.chaos.cases.crippled fence|sweeper`: a worker without what the promise rests on.

For the controls: a test that has never failed proves nothing, so with such workers a run must show what it is
there to show. The product has no switch for this; it is crippled from here, before it starts.
"""

import sys
from collections.abc import Callable
from typing import Final

from fleet.jobs import attempt
from worker import main
from worker.maintenance.sweeper import Sweeper

_FENCE: Final = "WHERE id = $1 AND attempt = $2 AND state = 'running'"
_NO_FENCE: Final = "WHERE id = $1 AND $2 > 0"


def _without_fence() -> None:
    """Every attempt may end the job, whoever has it by now."""
    if attempt._FINISH.count(_FENCE) != 1:  # noqa: SLF001 - what is removed here has no public name
        raise SystemExit(
            f"fleet/jobs/attempt.py does not say {_FENCE!r} in _FINISH any more: cripple it anew"
        )
    attempt._FINISH = attempt._FINISH.replace(_FENCE, _NO_FENCE)  # type: ignore[misc]  # noqa: SLF001


def _without_sweeper() -> None:
    """Nobody looks for what was lost."""

    async def do_nothing(self: Sweeper) -> None:
        """Look at nothing."""

    Sweeper.sweep = do_nothing  # type: ignore[method-assign]  # that is the crippling


WITHOUT: Final[dict[str, Callable[[], None]]] = {"fence": _without_fence, "sweeper": _without_sweeper}


if __name__ == "__main__":
    WITHOUT[sys.argv[1]]()
    sys.exit(main.main())
