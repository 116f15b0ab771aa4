"""What tests without engines share."""

from typing import Any

import pytest

from api.main import create_app


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    """The OpenAPI document of the API, made once: it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, scheme in (
            ("DATABASE_URL", "postgresql"),
            ("REDIS_URL", "redis"),
            ("S3_ENDPOINT_URL", "http"),
        ):
            patch.setenv(f"RENDERFLEET_{name}", f"{scheme}://127.0.0.1:1/x")
        return create_app().openapi()
