"""Renders of all usual kinds, for cases that need a busy worker."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from tests.bench.clients.caller import Answer, Caller
from tests.bench.clients.product import Api, ProductError

_WAIT_S: Final = 60
_ROWS, _COLUMNS = 150, 8
_CELLS: Final = "".join(
    "<tr>" + "".join(f"<td>{row}.{column}</td>" for column in range(_COLUMNS)) + "</tr>"
    for row in range(_ROWS)
)
_TABLE: Final = (
    "<!doctype html><title>table</title><style>td{border:1px solid #999;padding:2px 9px}</style>"
    f"<table>{_CELLS}</table>"
)
_INVOICE: Final = "<!doctype html><title>invoice</title><h1>Invoice 42</h1><p>Thank you for your order.</p>"

Document = dict[str, Any]

# Ten kinds: a path on the test site or HTML, and options. The largest has nearly 8 million pixels.
_SORTS: Final[tuple[Document, ...]] = (
    {"path": "/photo"},
    {"path": "/dashboard", "device_scale_factor": 2},
    {"html": _TABLE, "full_page": True, "format": "jpeg"},
    {"path": "/long?n=100", "format": "pdf"},
    {"path": "/bands?n=60", "full_page": True},
    {"html": _INVOICE},
    {"html": _TABLE, "format": "pdf"},
    {"path": "/photo", "full_page": True, "format": "webp"},
    {"path": "/long?n=40", "full_page": True},
    {"path": "/tiny"},
)
WORDS: Final = (
    "photo page, short text, invoice, and at twice the resolution a dashboard, each a window of 1280 x 720; "
    "photo page, table and two long documents as full pages in WebP, JPEG and PNG, up to 1280 x 6000 pixels; "
    "table and long document as PDF"
)


def documents(address: str) -> Iterator[Document]:
    """An endless sequence of requests, one kind after the other; `address` is the test site's."""
    for sort in itertools.cycle(_SORTS):
        request = dict(sort)
        if "path" in request:
            request["url"] = address + request.pop("path")
        yield request


@dataclass(frozen=True, slots=True)
class Mixed:
    """Result of mixed renders.

    Attributes:
        elapsed_s: from the first call to the last answer.
        jobs: the documents of the jobs.
    """

    elapsed_s: float
    jobs: list[Document] = field(repr=False)

    @property
    def failed(self) -> list[Document]:
        """Jobs that did not succeed."""
        return [job for job in self.jobs if job["status"] != "succeeded"]

    @property
    def repeated(self) -> int:
        """Jobs that needed more than one attempt."""
        return sum(job["attempt"] > 1 for job in self.jobs)


async def render_mixed(api: Api, address: str, *, count: int, in_flight: int) -> Mixed:
    """Request `count` renders, `in_flight` at a time, and wait until they have ended."""
    requests = itertools.islice(documents(address), count)
    jobs: list[Document] = []

    async def ask() -> None:
        jobs.extend([await render(api, request) for request in requests])

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(ask())
    return Mixed(time.perf_counter() - started, jobs)


async def render(api: Api, request: Document) -> Document:
    """Submit a job and wait until it has ended.

    Raises:
        ProductError: it was not accepted.
    """
    prefer = f"wait={_WAIT_S}"
    answer = await _call(api, api.request("POST", "/v1/jobs", document=request, prefer=prefer))
    if answer.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
    job: Document = answer.json()
    while job["status"] in ("queued", "running"):
        job = (await _call(api, api.request("GET", f"/v1/jobs/{job['id']}?wait={_WAIT_S}"))).json()
    return job


async def _call(api: Api, request: bytes) -> Answer:
    caller: Caller = await api.connect()  # uvicorn closes a connection that is idle for 5 s
    try:
        return await caller.call(request)
    finally:
        caller.close()
