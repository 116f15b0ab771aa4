"""A tenant may take most of the places of those who wait, and never all of them."""

from contextlib import ExitStack
from uuid import uuid4

from arq.connections import ArqRedis

from api.jobs.waiters import Waiters
from fleet.database import Database
from fleet.tenants.tenant import Scope, Tenant


def some_tenant() -> Tenant:
    return Tenant(uuid4(), key_id=uuid4().hex[:12], scopes=frozenset(Scope))


def held(waiters: Waiters, tenant: Tenant, stack: ExitStack) -> int:
    """How many watches a tenant gets that wants as many as it can have."""
    before = waiters.count
    for _ in range(200):
        if stack.enter_context(waiters.watch(uuid4(), tenant=tenant)).is_over:
            break
    return waiters.count - before


async def test_a_greedy_tenant_leaves_a_tenth_and_gives_back_what_it_had(
    database: Database, redis: ArqRedis
) -> None:
    waiters = Waiters(database, redis, limit=100)
    greedy, other = some_tenant(), some_tenant()
    with ExitStack() as stack:
        assert held(waiters, greedy, stack) == 90
        assert waiters.is_full_for(greedy.id)
        assert not waiters.is_full_for(other.id)
        assert held(waiters, other, stack) == 9
    assert not waiters.is_full_for(greedy.id)
    with ExitStack() as stack:
        assert held(waiters, greedy, stack) == 90
