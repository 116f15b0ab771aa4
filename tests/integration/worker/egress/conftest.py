"""These tests run on the worker's event loop: transports of the two differ in much that a proxy relies on."""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's interface
    item: pytest.Item,  # noqa: ARG001 - the same
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def nothing_went_wrong_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An error in a callback of a transport reaches nobody but asyncio's log."""
    # What earlier tests of this process left to the garbage collector is logged now, and is not this test's.
    gc.collect()
    caplog.clear()
    yield
    phases = ("setup", "call", "teardown")
    records = [record for phase in phases for record in caplog.get_records(phase)]  # type: ignore[arg-type]
    assert not [
        record for record in records if record.name == "asyncio" and record.levelno >= logging.WARNING
    ]
