"""A browser that signs in to the dashboard of an API, without Chromium."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.integration.api.conftest import Api
from tests.kit.patience import PATIENCE_S

# What a browser says when a page of ours asks.
OURS = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and has no key."""
    async with httpx.AsyncClient(base_url=api.client.base_url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


async def sign_in(client: httpx.AsyncClient, key: str, **headers: str) -> httpx.Response:
    return await client.post("/ui/login", data={"key": key}, headers={**OURS, **headers})
