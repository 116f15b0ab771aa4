"""Which port a browser gets for DevTools."""

import socket

import pytest

from fleet.errors import RenderError
from worker.browser.launch import debugging_port


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_port_is_free_although_connections_to_it_have_ended_a_moment_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            accepted, _ = server.accept()
            accepted.close()  # who closes first keeps the connection for a minute
            assert client.recv(1) == b""
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(address)
    monkeypatch.setattr(debugging_port, "DEVTOOLS_PORTS", [address[1]])
    assert debugging_port.free_port() == address[1]


def test_a_port_on_which_somebody_listens_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as server:
        monkeypatch.setattr(debugging_port, "DEVTOOLS_PORTS", [server.getsockname()[1]])
        with pytest.raises(RenderError, match="no free debugging port"):
            debugging_port.free_port()
