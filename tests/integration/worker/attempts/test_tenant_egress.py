"""A tenant's own lists of what is reachable hold in the worker, for everything that its pages load."""

from fleet.errors import ErrorType
from fleet.jobs.job import Job, State
from tests.kit.stages.stage import Stage


async def rendered(stage: Stage, **settings: str) -> Job:
    """A document whose only part is at the gate."""
    stage.gate.open()
    async with stage.worker(**settings):
        return await stage.ended(await stage.enqueue(html=f'<img src="{stage.gate.url}">'))


async def test_a_tenant_is_kept_from_what_the_fleet_reaches(stage: Stage) -> None:
    await stage.database.execute("UPDATE tenants SET egress_deny = '{127.0.0.0/8}'")
    job = await rendered(stage, EGRESS_ALLOW="127.0.0.1")
    assert (job.state, stage.gate.visits) == (State.SUCCEEDED, 0)
    host = stage.gate.url.removesuffix("/")
    assert job.warnings == [f"blocked: {host} (on this service's list of what may not be reached)"]


async def test_a_tenant_reaches_what_is_opened_for_it_alone(stage: Stage) -> None:
    await stage.database.execute("UPDATE tenants SET egress_allow = '{127.0.0.1}'")
    job = await rendered(stage, EGRESS_ALLOW="")
    # What the gate answers is no picture, but it answers.
    assert job.warnings == [f"images: these did not come: {stage.gate.url}"]
    assert (job.state, stage.gate.visits) == (State.SUCCEEDED, 1)


async def test_an_address_that_was_shut_meanwhile_is_refused_as_such(stage: Stage) -> None:
    job = await stage.enqueue(url=stage.gate.url)
    await stage.database.execute("UPDATE tenants SET egress_deny = '{127.0.0.1}'")
    async with stage.worker():
        ended = await stage.ended(job)
    assert (ended.state, ended.error_type, ended.attempt) == (State.FAILED, ErrorType.URL_BLOCKED, 1)
    assert ended.error_detail == "url: The host is on this service's list of hosts that may not be reached."
    assert stage.gate.visits == 0


async def test_a_request_with_a_blocked_address_and_another_error_is_blocked(stage: Stage) -> None:
    job = await stage.enqueue(url=stage.gate.url)
    await stage.database.execute(
        "UPDATE jobs SET request = $1", f'{{"url": "{stage.gate.url}", "priority": 99}}'
    )
    async with stage.worker(EGRESS_ALLOW=""):
        ended = await stage.ended(job)
    assert (ended.state, ended.error_type, ended.attempt) == (State.FAILED, ErrorType.URL_BLOCKED, 1)
    assert all(field in (ended.error_detail or "") for field in ("url: ", "priority: "))
