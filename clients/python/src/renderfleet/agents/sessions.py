"""Whose API key a tool uses: that of this process (stdio), or that of the call (HTTP)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from renderfleet.asynchronous.client import AsyncClient
from renderfleet.target import Target

# For how many seconds a call is tried again: a model, and the person before it, wait for the answer.
_RETRY_FOR_S = 10.0
_SCHEME = "bearer "


class Sessions(Protocol):
    """Gives a tool its client."""

    def client(self, context: Context[Any, Any]) -> AbstractAsyncContextManager[AsyncClient]:
        """A client for one call of a tool."""


class OwnKey:
    """The key of this process, for all calls."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @asynccontextmanager
    async def client(self, _context: Context[Any, Any]) -> AsyncIterator[AsyncClient]:
        """A client with the process' key."""
        async with AsyncClient(self._target.url, self._target.api_key, retry_for_s=_RETRY_FOR_S) as opened:
            yield opened


class KeyOfCall:
    """The key that each call carries as a bearer token; nothing of it is kept."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def client(self, context: Context[Any, Any]) -> AsyncIterator[AsyncClient]:
        """A client with the key of this call.

        Raises:
            ToolError: it has none.
        """
        key = bearer((context.headers or {}).get("authorization", ""))
        if not key:
            raise ToolError("unauthorized: send the API key as `Authorization: Bearer KEY`")
        async with AsyncClient(self._url, key, retry_for_s=_RETRY_FOR_S) as opened:
            yield opened


def bearer(header: str) -> str:
    """The token of an Authorization header; empty: it has none."""
    return header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""
