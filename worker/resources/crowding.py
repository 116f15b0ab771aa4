"""How many programs want the cores of this machine."""

import os
from pathlib import Path
from typing import Final

# Format: proc_loadavg(5). The load averages in it follow a burst only after a minute.
_LOADAVG: Final = Path("/proc/loadavg")


def threads_per_core() -> float:
    """Threads that compute or wait for a core now, for each core; 0 if the kernel does not tell."""
    try:
        running = _LOADAVG.read_text().split()[3].partition("/")[0]
    except OSError:
        return 0.0
    return int(running) / (os.cpu_count() or 1)
