"""How many connections this process may hold: each takes a file descriptor."""

import resource
from typing import Final

from fleet.telemetry.logs import get_logger

# For Postgres, Redis, S3, files, and callers that do not wait.
_OTHERS: Final = 1_000

log = get_logger(__name__)


def raise_descriptor_limit(waiters: int) -> None:
    """Take all the file descriptors that this process may have, and say so if they are too few.

    Systems begin with a soft limit of 1,024 or less, for the sake of programs that use select(2); the hard
    limit is what an operator means (https://0pointer.net/blog/file-descriptor-limits.html).

    Args:
        waiters: how many callers may wait at once.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = waiters + _OTHERS
    # macOS has no hard limit and refuses to lift the soft one that far.
    wanted = max(soft, needed) if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            log.warning("cannot raise the limit of file descriptors", limit=soft, error=repr(error))
        else:
            log.info("raised the limit of file descriptors", before=soft, limit=wanted)
            soft = wanted
    if soft != resource.RLIM_INFINITY and soft < needed:
        log.warning(
            "too few file descriptors for as many waiters as allowed: raise the hard limit (ulimit -Hn)",
            limit=soft,
            needed=needed,
        )
