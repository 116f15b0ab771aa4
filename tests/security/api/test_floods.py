"""Bodies that are small enough to be taken in, and made to be slow to judge."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import problem

JSON = {"Content-Type": "application/json"}
SIZE = 4 * 1024 * 1024 - 100


def of_values(head: bytes, value: bytes, tail: bytes) -> bytes:
    return head + value * (SIZE // len(value)) + tail


NAMES = b",".join(b'"%x":1' % number for number in range(300_000))
FLOODS = {
    "unknown names": b'{"html":"x",' + NAMES + b"}",
    "names with spaces": b'{"html":"x",' + NAMES.replace(b":", b" :\n") + b"}",
    "numbers": of_values(b'{"html":"x","a":[', b"1,", b"1]}"),
    "texts": of_values(b'{"html":"x","a":[', b'"",', b'""]}'),
    "escaped quotes": of_values(b'{"html":"x","a":[', rb'"\\\"",', b'""]}'),
    "wrong entries of a list": of_values(b'{"html":"x","block_requests":[', b"1,", b"1]}"),
    "objects": of_values(b'{"html":"x","a":[', b"{},", b"1]}"),
}


async def test_a_flood_of_values_is_refused_without_being_read(api: Api) -> None:
    for name, flood in FLOODS.items():
        assert len(flood) < 4 * 1024 * 1024
        async with slowest_turn() as slowest:
            answer = await api.client.post("/v1/jobs", content=flood, headers=JSON)
        document = problem(answer, 422, ErrorType.INVALID_REQUEST)
        assert document["detail"] == "the body may have 10,000 values at most", name
        assert max(slowest) < 0.15, f"{name}: other calls had to wait"


@asynccontextmanager
async def slowest_turn() -> AsyncIterator[list[float]]:
    """Seconds of CPU that each turn of the event loop takes: other calls wait for so long."""
    turns: list[float] = []

    async def look() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)  # a turn of the loop, which is what is measured
            turns.append(time.thread_time() - before)

    looking = asyncio.create_task(look())
    try:
        yield turns
    finally:
        looking.cancel()


async def test_data_of_a_template_may_have_more_values(api: Api) -> None:
    for count, status in ((49_000, 202), (51_000, 422)):
        async with slowest_turn() as slowest:
            answer = await api.client.post("/v1/jobs", json={"template": "x", "data": {"a": [1] * count}})
        assert answer.status_code == status
        assert max(slowest) < 0.15, "other calls had to wait"
    assert (
        problem(answer, 422, ErrorType.INVALID_REQUEST)["detail"] == "the body may have 50,000 values at most"
    )


async def test_what_looks_like_many_values_but_is_one_text_is_taken(api: Api) -> None:
    for text in ("a, b: c; ", '"x": 1, ', "\\,", ',"', "\\\\,\\"):
        answer = await api.client.post("/v1/jobs", json={"html": text * 20_000})
        assert answer.status_code == 202, text


async def test_the_limit_is_that_of_values(api: Api) -> None:
    for count, words in ((9_000, "9,000 fields"), (10_100, "10,000 values")):
        body = {"html": "x"} | {f"a{number}": number for number in range(count)}
        document = problem(await api.client.post("/v1/jobs", json=body), 422, ErrorType.INVALID_REQUEST)
        assert words in document["detail"]


async def test_a_batch_has_a_limit_of_its_own(api: Api) -> None:
    body = b'{"jobs":[{"html":"x"' + b',"a":1' * 100_000 + b"}]}"
    answer = await api.client.post("/v1/jobs/batch", content=body, headers=JSON)
    assert "100,000 values" in problem(answer, 422, ErrorType.INVALID_REQUEST)["detail"]


async def test_deep_or_enormous_values_are_refused_at_once(api: Api) -> None:
    for value in (b"[" * SIZE, b'{"a":' * (SIZE // 5), b"9" * SIZE, b"1e" + b"9" * SIZE, b"-" * SIZE):
        began = time.process_time()  # of this process, whatever else the machine does
        body = b'{"html":"x","priority":' + value + b"}"
        answer = await api.client.post("/v1/jobs", content=body, headers=JSON)
        problem(answer, 422, ErrorType.INVALID_REQUEST)
        assert time.process_time() - began < 1, value[:10]
