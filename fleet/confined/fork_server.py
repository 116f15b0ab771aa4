"""The helper of one program: imports it once, and forks a process for each run.

`python fork_server.py MODULE FD`, started by program.py. Through the socket FD come pairs of sockets: one for
the work of a run, one for the report of its end. When the worker closes a report's socket for writing, the
run is killed. When it closes FD, or has died, everything is. It has no threads, so that it may fork.
"""

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

from fleet.confined import child


class ForkServer:
    """The processes that run, each with the socket to which its end is reported."""

    def __init__(self, work: child.Work, control: socket.socket) -> None:
        self._work = work
        self._control = control
        self._reports: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._fork)
        # A signal handler of Python's runs too late to wake `select`; this byte does.
        self._ended, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)  # noqa: FBT003 - it has no name
        self._selector.register(self._ended, selectors.EVENT_READ, self._reap)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serve until the worker is gone."""
        while True:
            for key, _ in self._selector.select():
                if isinstance(key.data, int):
                    self._kill(key.data)
                else:
                    key.data()

    def _fork(self) -> None:
        message, fds, _, _ = socket.recv_fds(self._control, 1, 2)
        if not message:
            for pid in self._reports:
                os.kill(pid, signal.SIGKILL)
            os._exit(0)
        work_fd, report_fd = fds
        report = socket.socket(fileno=report_fd)
        try:
            pid = os.fork()
        except OSError:  # too many processes, or no memory: the worker sees that nothing is reported
            report.close()
            os.close(work_fd)
            return
        if not pid:
            child.run(self._work, work_fd, report_fd)
        os.close(work_fd)
        self._reports[pid] = report
        self._selector.register(report, selectors.EVENT_READ, pid)

    def _kill(self, pid: int) -> None:
        if pid not in self._reports:
            return  # it has ended, and its id may be another process's by now
        os.kill(pid, signal.SIGKILL)
        self._selector.unregister(self._reports[pid])

    def _reap(self) -> None:
        self._ended.recv(4096)
        while self._reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            report = self._reports.pop(pid)
            with suppress(KeyError):
                self._selector.unregister(report)
            with suppress(OSError):  # the worker has gone on
                report.sendall(b"\n%d" % os.waitstatus_to_exitcode(status))
            report.close()


def main(module: str, control_fd: str) -> None:
    """Import the program and serve."""
    work: child.Work = importlib.import_module(module).work
    gc.collect()
    gc.freeze()  # what is there now stays, in memory that is shared with all children
    ForkServer(work, socket.socket(fileno=int(control_fd))).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
