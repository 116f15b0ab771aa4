"""A port on asyncio's own event loop, which tests have; tests/integration/worker/egress has the product's."""

import asyncio
import contextlib
import socket

import psutil
import pytest

from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import open_egress


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_comes_in_while_its_port_is_closed_is_ended(turns: int) -> None:
    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    async with open_egress() as egress:
        port = await egress.open_port()
        with socket.create_connection(("127.0.0.1", port.number)) as client:
            client.settimeout(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            await port.close()
            async with asyncio.timeout(PATIENCE_S):
                with contextlib.suppress(ConnectionResetError):
                    assert await loop.sock_recv(client, 1) == b""
    assert not errors


async def test_a_port_whose_opening_is_cancelled_is_closed() -> None:
    async with open_egress() as egress:
        before = listening()
        opening = asyncio.create_task(egress.open_port())
        while listening() == before:  # noqa: ASYNC110 - the turn in which it begins to listen is wanted
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert listening() == before


def listening() -> int:
    """How many sockets of this process listen."""
    found = psutil.Process().net_connections("tcp")
    return len([one for one in found if one.status == psutil.CONN_LISTEN])
