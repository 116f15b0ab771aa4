"""Chromium's network service: the process through which all pages of one browser reach the network.

If it ends, Chromium starts another one. But then open pages no longer use their own proxies: their requests
go to the proxy of the browser, which refuses everything. Chromium sends no event for this, so the process is
looked up in /proc. Systems without /proc cannot detect it.
"""

from typing import Final

from worker.resources.chromium_processes import command_line, descendants

_NETWORK_SERVICE: Final = b"--utility-sub-type=network.mojom.NetworkService"


class NetworkService:
    """Finds the process of one browser's network service, which may be replaced by another one."""

    def __init__(self, browser_pid: int) -> None:
        self._browser_pid = browser_pid
        self._pid: int | None = None

    def pid(self) -> int | None:
        """The id of the current process; None: not found. Takes 20 us, or 1 ms if it is a new process."""
        if self._pid is None or not is_network_service(self._pid):
            found = (pid for pid in descendants(self._browser_pid) if is_network_service(pid))
            self._pid = next(found, None)
        return self._pid


def is_network_service(pid: int) -> bool:
    """Whether this process is a network service that has not ended."""
    return _NETWORK_SERVICE in command_line(pid)
