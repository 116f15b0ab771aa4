"""These tests run on the worker's event loop: transports of the two differ in much that a proxy relies on."""

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.kit.stages.product_loop import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]


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
