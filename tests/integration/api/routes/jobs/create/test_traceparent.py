"""A job keeps the `traceparent` of the call that makes it, also while no traces are made."""

from uuid import UUID

import pytest

from fleet.database import Database
from tests.integration.api.conftest import Api

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(("given", "kept"), [(GIVEN, GIVEN), ("nonsense", None)])
async def test_it_is_kept_if_it_means_something(
    api: Api, database: Database, given: str, kept: str | None
) -> None:
    made = await api.client.post("/v1/jobs", json={"html": "x"}, headers={"traceparent": given})
    assert made.status_code == 202
    row = await database.fetchval("SELECT traceparent FROM jobs WHERE id = $1", UUID(made.json()["id"]))
    assert row == kept


async def test_each_job_of_a_batch_has_it(api: Api, database: Database) -> None:
    jobs = {"jobs": [{"html": "a"}, {"html": "b"}]}
    made = await api.client.post("/v1/jobs/batch", json=jobs, headers={"traceparent": GIVEN})
    assert made.status_code == 202
    rows = await database.fetch("SELECT traceparent FROM jobs")
    assert [row["traceparent"] for row in rows] == [GIVEN] * 2


NO_ADDRESS: dict[str, object] = {"html": "x"}
TWICE: dict[str, object] = {"url": "https://example.com/", "headers": {"traceparent": GIVEN}}


@pytest.mark.parametrize("more", [NO_ADDRESS, TWICE], ids=["no address", "twice"])
async def test_sending_it_where_it_cannot_go_is_refused(api: Api, more: dict[str, object]) -> None:
    refused = await api.client.post("/v1/jobs", json={"send_traceparent": True, **more})
    assert refused.status_code == 422
    assert "send_traceparent" in refused.text
