"""These tests run on the worker's event loop."""

from tests.kit.stages.product_loop import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
