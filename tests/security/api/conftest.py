"""The API under a real server, for the tests that attack it."""

from tests.integration.api.conftest import api, artifacts, serve

__all__ = ["api", "artifacts", "serve"]
