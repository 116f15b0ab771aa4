"""A tenant may take most of the places of those who wait, and never all of them."""

from contextlib import ExitStack
from uuid import UUID, uuid4

from arq.connections import ArqRedis

from api.jobs.waiters import Waiters
from fleet.database import Database


def held(waiters: Waiters, tenant_id: UUID, stack: ExitStack) -> int:
    """How many watches a tenant gets that wants as many as it can have."""
    before = waiters.count
    for _ in range(200):
        if stack.enter_context(waiters.watch(uuid4(), tenant_id=tenant_id)).is_over:
            break
    return waiters.count - before


async def test_a_greedy_tenant_leaves_a_tenth_and_gives_back_what_it_had(
    database: Database, redis: ArqRedis
) -> None:
    waiters = Waiters(database, redis, limit=100)
    greedy, other = uuid4(), uuid4()
    with ExitStack() as stack:
        assert held(waiters, greedy, stack) == 90
        assert waiters.is_full_for(greedy)
        assert not waiters.is_full_for(other)
        assert held(waiters, other, stack) == 9
    assert not waiters.is_full_for(greedy)
    with ExitStack() as stack:
        assert held(waiters, greedy, stack) == 90
