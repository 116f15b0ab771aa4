"""Serves the pages of tests/site in a process of its own, which is not measured."""

import asyncio

from tests.bench.clients.responder import Document, respond
from tests.site.server import Site


async def _answer(_: Document) -> Document:
    return {}


async def _serve() -> None:
    with Site() as site:
        await respond(_answer, port=site.port)


if __name__ == "__main__":
    asyncio.run(_serve())
