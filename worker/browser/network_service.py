"""Chromium's network service: the process through which all pages of one browser reach the network.

When it ends, Chromium starts another one by itself and makes the networks of all open pages again, but
without their own proxies: what they ask for afterwards goes to the browser's own proxy, which refuses
everything. Chromium announces nothing of this, so the process is looked up in /proc. Other systems have no
/proc, and nothing is noticed there.
"""

from typing import Final

from worker.resources.chromium_processes import command_line, descendants

_NETWORK_SERVICE: Final = b"--utility-sub-type=network.mojom.NetworkService"


class NetworkService:
    """The network service of one browser, whichever process it is now."""

    def __init__(self, browser_pid: int) -> None:
        self._browser_pid = browser_pid
        self._pid: int | None = None

    def pid(self) -> int | None:
        """Its process now; None: not found. Takes 20 us, and 1 ms when it is another one than before."""
        if self._pid is None or not is_network_service(self._pid):
            found = (pid for pid in descendants(self._browser_pid) if is_network_service(pid))
            self._pid = next(found, None)
        return self._pid


def is_network_service(pid: int) -> bool:
    """Whether the process is one and has not ended."""
    return _NETWORK_SERVICE in command_line(pid)
