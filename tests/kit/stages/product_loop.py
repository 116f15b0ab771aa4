"""Runs the tests of a folder on the event loop of the product: a conftest.py imports the function.

uvloop's transports differ in much from asyncio's (tests/kit/late_connections.py mends a fault of the latter).
Tests with the shared browser do without: pytest-asyncio would start that browser anew for each of them.
"""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - the hook's interface
    item: pytest.Item,  # noqa: ARG001 - the same
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}
