"""What holds for all calls below /v1 that ask for an API key, read from the OpenAPI document."""

import re
from uuid import uuid4

from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import problem

METHODS = ("get", "post", "put", "patch", "delete")
# Bodies of the calls that look for the id only after they have read one.
BODIES = {
    ("patch", "/v1/jobs/{job_id}"): {"priority": 9},
    ("post", "/v1/jobs/{job_id}/compare"): {"with": str(uuid4())},
    ("put", "/v1/schedules/{schedule_id}"): {"cron": "@daily", "job": {"html": "x"}},
    ("patch", "/v1/schedules/{schedule_id}"): {"enabled": False},
    ("patch", "/v1/admin/tenants/{tenant_id}"): {"weight": 2},
}


async def calls(api: Api) -> list[tuple[str, str]]:
    """Method and path of each call that asks for a key; a signed link needs none."""
    document = (await api.client.get("/openapi.json")).json()
    return [
        (method, path)
        for path, operations in document["paths"].items()
        for method in METHODS
        if method in operations and path.startswith("/v1/") and operations[method]["security"]
    ]


def filled(path: str, text: str) -> str:
    return re.sub(r"\{\w+\}", text, path)


async def test_a_parameter_that_a_call_does_not_have_is_refused(api: Api) -> None:
    for method, path in await calls(api):
        answer = await api.client.request(method, filled(path, str(uuid4())), params={"stat": "failed"})
        finding = problem(answer, 422, ErrorType.INVALID_REQUEST)["errors"][0]
        assert finding["field"] == "stat", path
        assert finding["message"].startswith("is not a parameter of this call"), path


async def test_whoever_has_no_key_learns_nothing_else(api: Api) -> None:
    for method, path in await calls(api):
        answer = await api.client.request(
            method, filled(path, "x"), params={"stat": "failed"}, headers={"Authorization": "Bearer none"}
        )
        problem(answer, 401, ErrorType.UNAUTHORIZED)


async def test_an_id_that_cannot_be_is_answered_like_one_that_nothing_has(api: Api) -> None:
    looked_up = [(method, path) for method, path in await calls(api) if "{" in path]
    assert {path.split("{")[1].split("}")[0] for _, path in looked_up} == {
        "job_id",
        "schedule_id",
        "webhook_id",
        "tenant_id",
        "key_id",
    }
    for method, path in looked_up:
        body = BODIES.get((method, path))
        unknown = "0123456789ab" if "key_id" in path else str(uuid4())
        details = [
            problem(
                await api.client.request(method, filled(path, text), json=body), 404, ErrorType.NOT_FOUND
            )["detail"]
            for text in (unknown, "no-id")
        ]
        assert re.fullmatch(r"you have no [\w ]+ with this id", details[0]), (path, details)
        assert "deliveries/{" in path or details[0] == details[1], (path, details)
