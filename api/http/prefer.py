"""How long a caller wants to wait: the `Prefer` header (RFC 7240)."""

import re
from collections.abc import Iterable
from typing import Final

MAX_WAIT_S: Final = 60

# token [BWS "=" BWS word]; parameters after a semicolon have no meaning for `wait` (RFC 7240, section 2).
_WAIT: Final = re.compile(r'\s*wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.ASCII | re.IGNORECASE)


def preferred_wait_s(values: Iterable[str]) -> int | None:
    """Seconds of `Prefer: wait=N`, at most `MAX_WAIT_S`; None without a usable one.

    If there are several, the first counts. A preference that cannot be read is ignored (section 2).
    """
    for value in values:
        for preference in value.split(","):
            match = _WAIT.fullmatch(preference)
            if match:
                return min(int(match[1] or match[2]), MAX_WAIT_S)
    return None
