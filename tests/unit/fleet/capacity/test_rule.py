"""What a backlog means in seconds and in workers: for tenants with a cap, delayed jobs, a pause."""

import math
from dataclasses import replace
from uuid import UUID

import pytest

from fleet.capacity.demand import FleetDemand, TenantDemand
from fleet.capacity.rule import backlog_s, suggested_replicas, tenant_backlogs_s

ONE = TenantDemand(tenant_id=UUID(int=1), name="one", service_s=3.0)
OTHER = TenantDemand(tenant_id=UUID(int=2), name="other", service_s=3.0)


def fleet(*tenants: TenantDemand, workers: int = 2, slots: int = 8, is_paused: bool = False) -> FleetDemand:
    return FleetDemand(tenants, workers, slots, is_paused)


def test_a_backlog_is_the_work_divided_by_the_slots() -> None:
    assert backlog_s(fleet(replace(ONE, ready=80))) == 30
    assert backlog_s(fleet(replace(ONE, ready=80), slots=16)) == 15
    assert backlog_s(fleet(replace(ONE, ready=80, service_s=0.3))) == pytest.approx(3)
    assert backlog_s(fleet()) == 0


def test_workers_are_suggested_that_empty_the_queue_in_a_minute() -> None:
    # 800 jobs of 3 s within 60 s need 40 slots, and eight jobs run: 48 slots in workers of four.
    assert suggested_replicas(fleet(replace(ONE, ready=800, running=8))) == 12
    assert suggested_replicas(fleet(replace(ONE, ready=400), replace(OTHER, ready=400, running=8))) == 12
    assert suggested_replicas(fleet(replace(ONE, running=8))) == 2
    assert suggested_replicas(fleet()) == 1


def test_a_tenant_with_a_cap_never_asks_for_more_slots_than_its_cap() -> None:
    flood = replace(ONE, ready=5_000, max_running=4)
    assert suggested_replicas(fleet(flood)) == 1
    assert backlog_s(fleet(flood)) == 4 * 60 / 8
    parked = replace(ONE, capped=5_000, running=4, max_running=4)
    assert backlog_s(fleet(parked)) == 0
    assert tenant_backlogs_s(fleet(parked)) == {ONE.tenant_id: 5_000 * 3 / 4}


def test_delayed_jobs_ask_for_nothing_before_their_time() -> None:
    later = replace(ONE, delayed=10_000)
    assert (backlog_s(fleet(later)), suggested_replicas(fleet(later)), tenant_backlogs_s(fleet(later))) == (
        0,
        1,
        {},
    )


def test_a_paused_fleet_keeps_its_size() -> None:
    busy = replace(ONE, ready=10_000)
    assert suggested_replicas(fleet(busy, workers=3, is_paused=True)) == 3
    assert suggested_replicas(fleet(busy, workers=0, slots=0, is_paused=True)) == 1
    assert backlog_s(fleet(busy, is_paused=True)) > 0


def test_a_fleet_without_workers_is_told_to_have_some() -> None:
    none = fleet(replace(ONE, ready=100), workers=0, slots=0)
    assert backlog_s(none) == math.inf
    assert suggested_replicas(none) == 5
    assert tenant_backlogs_s(none) == {ONE.tenant_id: math.inf}


def test_tenants_share_the_slots_by_weight_and_leave_what_they_cannot_use() -> None:
    heavy = replace(ONE, ready=1_000, weight=3)
    assert tenant_backlogs_s(fleet(heavy, replace(OTHER, ready=1_000))) == {
        ONE.tenant_id: 500,  # six slots
        OTHER.tenant_id: 1_500,  # two
    }
    small = replace(OTHER, ready=1)
    assert tenant_backlogs_s(fleet(heavy, small)) == {
        ONE.tenant_id: pytest.approx(3_000 / 7),
        OTHER.tenant_id: 3,
    }
