"""The simulation of scaling: no job is lost, no cap exceeded, and nobody waits for no reason."""

import pytest

from tests.bench.simulation.jobs import (
    FLOOD,
    FLOOD_CAP,
    HOUR_S,
    USUAL,
    Load,
    MeasuredRender,
    SimulatedJob,
    loads,
)
from tests.bench.simulation.scalers import Autoscaler, by_our_rule, by_the_future
from tests.bench.simulation.simulated_fleet import SLOTS_EACH, SimulatedFleet

MANY = 10**6


def test_jobs_wait_in_turn_for_the_slots_that_there_are() -> None:
    jobs = [SimulatedJob(0.0, USUAL, 10.0, 1.0) for _ in range(3 * SLOTS_EACH)]
    outcome = SimulatedFleet(Load("three turns", jobs, HOUR_S, {})).run(lambda _: 1)
    assert outcome.waits_s[USUAL] == [0.0] * SLOTS_EACH + [10.0] * SLOTS_EACH + [20.0] * SLOTS_EACH
    assert (outcome.busy_s, outcome.paid_s, outcome.utilisation) == (30 * SLOTS_EACH, 30, 1)


def test_a_worker_takes_jobs_once_it_has_started_and_ends_those_that_it_has() -> None:
    jobs = [SimulatedJob(0.0, USUAL, 40.0, 1.0) for _ in range(2 * SLOTS_EACH)]
    wishes = iter([2, 2])  # the second worker has its jobs after 20 s; one is told to stop after 30 s
    outcome = SimulatedFleet(Load("two workers", jobs, HOUR_S, {}), start_s=20).run(lambda _: next(wishes, 1))
    assert outcome.waits_s[USUAL] == [0.0] * SLOTS_EACH + [20.0] * SLOTS_EACH
    assert outcome.paid_s == 40 + 60  # each until its last job ends


def test_who_knows_the_future_lets_nobody_wait() -> None:
    (steady, *_) = loads([MeasuredRender(0.3, 0.2)], hours=1)
    endless = SimulatedFleet(steady, workers=MANY, most_workers=MANY, start_s=0).run(lambda _: MANY)
    outcome = SimulatedFleet(steady, start_s=0).run(by_the_future(endless.jobs_by_look))
    assert max(outcome.waits_s[USUAL]) == 0
    assert len(outcome.waits_s[USUAL]) == len(steady.jobs)
    assert outcome.busy_s == pytest.approx(sum(job.service_s for job in steady.jobs))


def test_a_flood_under_a_cap_makes_our_rule_add_its_cap_and_nothing_more() -> None:
    (flood,) = [load for load in loads([MeasuredRender(0.3, 0.2)], hours=1) if FLOOD in load.caps]
    outcome = SimulatedFleet(flood).run(Autoscaler(by_our_rule))
    most_usual = 2 * (0.3 + 5.0) * 2  # jobs a second, the longest job, and as many again by chance
    assert outcome.most_workers <= (FLOOD_CAP + most_usual) / SLOTS_EACH
    assert max(outcome.waits_s[USUAL]) < 60
    assert len(outcome.waits_s[FLOOD]) == 10_000
