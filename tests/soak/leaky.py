"""`python -m tests.soak.leaky KB`: a worker that leaks so many KB with each render, for the control.

The control shows that the leak audit finds a leak. The product has no setting for this, so this module
changes the code of the product before it starts.
"""

import sys
from typing import Any, Final

from worker import main
from worker.attempts.attempt_runner import AttemptRunner

_KEPT: Final[list[bytes]] = []


def _make_leaky(kb: int) -> None:
    run = AttemptRunner.run

    async def keep_and_run(self: AttemptRunner, ctx: dict[str, Any]) -> None:
        _KEPT.append(b"x" * (kb * 1024))
        await run(self, ctx)

    AttemptRunner.run = keep_and_run  # type: ignore[method-assign]  # that is the leak


if __name__ == "__main__":
    _make_leaky(int(sys.argv[1]))
    sys.exit(main.main())
