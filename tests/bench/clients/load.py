"""The client of the load cases: N connections; each sends the next request as soon as it has an answer."""

import asyncio
import time
from collections import Counter
from typing import Any

import uvloop

from tests.bench.clients.caller import Caller
from tests.bench.clients.responder import Document, respond


async def _answer(question: Document) -> Document:
    """Fields of a question: host, port, request (text), connections, and `requests` or `seconds` in all."""
    request = question["request"].encode()
    address = (question["host"], question["port"])
    callers = [await Caller.connect(*address) for _ in range(question["connections"])]
    latencies_ms: list[float] = []
    statuses: Counter[int] = Counter()
    left = question.get("requests", 10**9)
    started, cpu_started = time.perf_counter(), time.process_time()
    until = started + question.get("seconds", 10**9)

    async def send(caller: Caller) -> None:
        nonlocal left
        while left > 0 and (begun := time.perf_counter()) < until:
            left -= 1
            answer = await caller.call(request)
            latencies_ms.append((time.perf_counter() - begun) * 1000)
            statuses[answer.status] += 1

    await asyncio.gather(*(send(caller) for caller in callers))
    report: dict[str, Any] = {
        "elapsed_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu_started,
        "latencies_ms": latencies_ms,
        "statuses": statuses,
    }
    for caller in callers:
        caller.close()
    return report


if __name__ == "__main__":
    uvloop.run(respond(_answer))
