"""Webhooks as their owner handles them: register, read, rotate, delete; deliveries and sending them again."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from standardwebhooks import Webhook

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from fleet.webhooks import outbox
from fleet.webhooks.outbox import ClaimLimits, DeliveryError, MessageState
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, fail, problem

URL = "https://example.com/hooks"
HIDDEN = f"{URL}?token=hidden#part"
LEASE = timedelta(seconds=30)
ALL = ClaimLimits(messages=10, of_endpoint=10, of_tenant=10)


async def registered(client: httpx.AsyncClient, url: str = URL) -> dict[str, str]:
    answer = await client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 201, answer.text
    document: dict[str, str] = answer.json()
    return document


async def ended_job(api: Api, database: Database) -> str:
    answer = await api.client.post("/v1/jobs", json={**REQUEST, "webhook_url": HIDDEN})
    job_id: str = answer.json()["id"]
    await fail(database, job_id)
    return job_id


async def headers_of(database: Database, name: str, *scopes: Scope) -> dict[str, str]:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name=name, key_name="k", scopes=frozenset(scopes))
    return {"Authorization": f"Bearer {key}"}


async def test_an_address_is_registered_before_the_first_job_and_known_afterwards(api: Api) -> None:
    answer = await api.client.post("/v1/webhooks", json={"url": HIDDEN})
    assert answer.status_code == 201
    made = answer.json()
    assert made["url"] == URL
    assert answer.headers["location"] == f"/v1/webhooks/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert len(Webhook(made["secret"])._whsecret) == 32  # noqa: SLF001 - the library takes it; its length is ours
    again = await api.client.post("/v1/webhooks", json={"url": URL})
    assert (again.status_code, again.json()) == (200, made)
    read = await api.client.get(f"/v1/webhooks/{made['id']}")
    assert (read.status_code, read.json(), read.headers["cache-control"]) == (200, made, "no-store")


async def test_lists_hold_no_secrets_and_pages_do_not_overlap(api: Api) -> None:
    made = [await registered(api.client, f"{URL}/{number}") for number in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for count in (2, 2, 1):
        answer = await api.client.get("/v1/webhooks", params={"limit": "2", **cursor})
        assert "whsec_" not in answer.text
        page = answer.json()
        assert len(page["webhooks"]) == count
        found += [webhook["id"] for webhook in page["webhooks"]]
        cursor = {"cursor": page["next_cursor"]}
    assert cursor == {"cursor": None}
    assert found == [webhook["id"] for webhook in reversed(made)]
    problem(await api.client.get("/v1/webhooks?cursor=x"), 422, ErrorType.INVALID_REQUEST)


async def test_a_rotation_shows_the_new_secret_and_until_when_the_old_one_signs(api: Api) -> None:
    made = await registered(api.client)
    answer = await api.client.post(f"/v1/webhooks/{made['id']}/rotate")
    assert answer.status_code == 200
    rotated = answer.json()
    assert rotated["secret"] != made["secret"]
    assert made["previous_secret_until"] is None
    assert rotated["previous_secret_until"] > made["created_at"]


async def test_a_deleted_webhook_is_gone_and_its_messages_fail(api: Api, database: Database) -> None:
    made = await registered(api.client)
    job_id = await ended_job(api, database)
    assert (await api.client.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
    problem(await api.client.delete(f"/v1/webhooks/{made['id']}"), 404, ErrorType.NOT_FOUND)
    [delivery] = (await api.client.get(f"/v1/jobs/{job_id}/deliveries")).json()["deliveries"]
    assert (delivery["status"], delivery["error"]) == ("failed", "endpoint_deleted")
    assert (await registered(api.client))["secret"] != made["secret"]


async def test_a_bad_address_is_refused_in_words(api: Api) -> None:
    cases: list[tuple[object, ErrorType]] = [
        ({"url": "http://10.0.0.1/hooks"}, ErrorType.URL_BLOCKED),
        ({"url": "http://169.254.169.254/"}, ErrorType.URL_BLOCKED),
        ({"url": "http://user:password@example.com/"}, ErrorType.URL_BLOCKED),
        ({"url": "https://example.com:22/"}, ErrorType.URL_BLOCKED),
        ({"url": "ftp://example.com/"}, ErrorType.URL_BLOCKED),
        ({"url": "nonsense"}, ErrorType.INVALID_REQUEST),
        ({"url": "https://example.com/" + "x" * 9000}, ErrorType.INVALID_REQUEST),
        ({"url": None}, ErrorType.INVALID_REQUEST),
        ({"uri": URL}, ErrorType.INVALID_REQUEST),
        ([], ErrorType.INVALID_REQUEST),
    ]
    for body, type_ in cases:
        document = problem(await api.client.post("/v1/webhooks", json=body), 422, type_)
        assert "169.254" not in str(document)
        assert "password@" not in str(document)


async def test_a_private_webhook_of_a_job_is_refused_when_the_job_is(api: Api) -> None:
    answer = await api.client.post("/v1/jobs", json={**REQUEST, "webhook_url": "http://192.168.0.1/hooks"})
    assert problem(answer, 422, ErrorType.URL_BLOCKED)["errors"][0]["field"] == "webhook_url"


async def test_there_is_an_end_to_webhooks(api: Api, database: Database, tenant_id: UUID) -> None:
    made = await registered(api.client)
    await database.execute(
        "INSERT INTO webhook_endpoints (id, tenant_id, url, secret) "
        "SELECT gen_random_uuid(), $1, 'https://example.com/' || n, secret "
        "FROM webhook_endpoints, generate_series(1, 999) n",
        tenant_id,
    )
    problem(
        await api.client.post("/v1/webhooks", json={"url": f"{URL}/more"}), 409, ErrorType.TOO_MANY_WEBHOOKS
    )
    assert (await api.client.post("/v1/webhooks", json={"url": URL})).json() == made


async def test_nobody_sees_or_moves_what_is_somebody_elses(api: Api, database: Database) -> None:
    made = await registered(api.client)
    job_id = await ended_job(api, database)
    [delivery] = (await api.client.get(f"/v1/jobs/{job_id}/deliveries")).json()["deliveries"]
    await database.execute("UPDATE webhook_outbox SET state = 'failed', ended_at = now()")
    stranger = await headers_of(database, "stranger", *Scope)
    for method, path in (
        ("GET", f"/v1/webhooks/{made['id']}"),
        ("POST", f"/v1/webhooks/{made['id']}/rotate"),
        ("POST", f"/v1/webhooks/{made['id']}/test"),
        ("DELETE", f"/v1/webhooks/{made['id']}"),
        ("GET", f"/v1/webhooks/{made['id']}/deliveries/{delivery['id']}"),
        ("GET", f"/v1/jobs/{job_id}/deliveries"),
        ("POST", f"/v1/jobs/{job_id}/deliveries/{delivery['id']}/redeliver"),
    ):
        problem(await api.client.request(method, path, headers=stranger), 404, ErrorType.NOT_FOUND)
    assert (await api.client.get("/v1/webhooks", headers=stranger)).json()["webhooks"] == []
    assert (await api.client.get(f"/v1/webhooks/{made['id']}")).json() == made
    [after] = (await api.client.get(f"/v1/jobs/{job_id}/deliveries")).json()["deliveries"]
    assert after["status"] == "failed"


async def test_a_key_that_may_only_read_sees_no_secret_and_sends_nothing(
    api: Api, database: Database
) -> None:
    made = await registered(api.client)
    job_id = await ended_job(api, database)
    reader = await headers_of(database, "tests", Scope.READ)
    assert (await api.client.get("/v1/webhooks", headers=reader)).status_code == 200
    answer = await api.client.get(f"/v1/jobs/{job_id}/deliveries", headers=reader)
    [delivery] = answer.json()["deliveries"]
    for method, path in (
        ("GET", f"/v1/webhooks/{made['id']}"),
        ("POST", f"/v1/webhooks/{made['id']}/rotate"),
        ("POST", f"/v1/webhooks/{made['id']}/test"),
        ("DELETE", f"/v1/webhooks/{made['id']}"),
        ("POST", f"/v1/jobs/{job_id}/deliveries/{delivery['id']}/redeliver"),
    ):
        problem(await api.client.request(method, path, headers=reader), 403, ErrorType.FORBIDDEN)
    problem(
        await api.client.post("/v1/webhooks", json={"url": URL}, headers=reader), 403, ErrorType.FORBIDDEN
    )


async def test_deliveries_are_listed_with_their_attempts_and_sent_again(api: Api, database: Database) -> None:
    job_id = await ended_job(api, database)
    path = f"/v1/jobs/{job_id}/deliveries"
    [waiting] = (await api.client.get(path)).json()["deliveries"]
    assert (waiting["status"], waiting["attempts"], waiting["url"]) == ("pending", [], URL)
    [message] = await outbox.claim(database, lease=LEASE, limits=ALL)
    assert str(message.id) == waiting["id"]
    [sending] = (await api.client.get(path)).json()["deliveries"]
    assert [(a["attempt"], a["duration_ms"], a["error"]) for a in sending["attempts"]] == [(1, None, None)]
    await outbox.record(
        database,
        message,
        state=MessageState.FAILED,
        status=410,
        duration_ms=12.34,
        error=DeliveryError.GONE,
        delay=timedelta(),
    )
    [failed] = (await api.client.get(path)).json()["deliveries"]
    assert (failed["status"], failed["error"], failed["next_attempt_at"]) == ("failed", "gone", None)
    [attempt] = failed["attempts"]
    assert (attempt["http_status"], attempt["duration_ms"], attempt["error"]) == (410, 12.3, "gone")
    answer = await api.client.post(f"{path}/{failed['id']}/redeliver")
    assert answer.status_code == 202
    [again] = answer.json()["deliveries"]
    assert (again["id"], again["status"], again["error"]) == (failed["id"], "pending", None)
    [second] = await outbox.claim(database, lease=LEASE, limits=ALL)
    assert (second.id, second.attempt, second.tries) == (message.id, 2, 1)


async def test_a_job_without_messages_has_an_empty_list_and_unknown_ids_are_not_found(
    api: Api, database: Database
) -> None:
    open_job = (await api.client.post("/v1/jobs", json={**REQUEST, "webhook_url": URL})).json()["id"]
    answer = await api.client.get(f"/v1/jobs/{open_job}/deliveries")
    assert (answer.status_code, answer.json()) == (200, {"deliveries": []})
    first, second = await ended_job(api, database), await ended_job(api, database)
    [delivery] = (await api.client.get(f"/v1/jobs/{first}/deliveries")).json()["deliveries"]
    for method, path in (
        ("GET", f"/v1/jobs/{uuid4()}/deliveries"),
        ("GET", "/v1/jobs/nonsense/deliveries"),
        ("POST", f"/v1/jobs/{second}/deliveries/{delivery['id']}/redeliver"),
        ("POST", f"/v1/jobs/{first}/deliveries/{uuid4()}/redeliver"),
        ("POST", f"/v1/jobs/{first}/deliveries/nonsense/redeliver"),
        ("GET", "/v1/webhooks/nonsense"),
        ("GET", f"/v1/webhooks/{uuid4()}"),
    ):
        problem(await api.client.request(method, path), 404, ErrorType.NOT_FOUND)


async def test_a_webhook_is_tried_out_and_says_what_came_of_it(api: Api, database: Database) -> None:
    made = await registered(api.client)
    path = f"/v1/webhooks/{made['id']}"
    asked = await api.client.post(f"{path}/test")
    test = asked.json()
    assert (asked.status_code, test["status"], test["url"], test["attempts"]) == (202, "pending", URL, [])
    [message] = await outbox.claim(database, lease=LEASE, limits=ALL)
    assert (str(message.id), message.job_id) == (test["id"], None)
    await outbox.record(
        database,
        message,
        state=MessageState.DELIVERED,
        status=204,
        duration_ms=1.5,
        error=None,
        delay=timedelta(),
    )
    told = (await api.client.get(f"{path}/deliveries/{test['id']}")).json()
    assert (told["status"], told["attempts"][0]["http_status"]) == ("delivered", 204)
    other = await registered(api.client, f"{URL}/other")
    for wrong in (f"{other['id']}/deliveries/{test['id']}", f"{made['id']}/deliveries/{uuid4()}"):
        problem(await api.client.get(f"/v1/webhooks/{wrong}"), 404, ErrorType.NOT_FOUND)


async def test_the_document_describes_what_receivers_get_and_metrics_how_late(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    body = document["webhooks"]["job-ended"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert set(schema["properties"]) == {"type", "timestamp", "data"}
    assert "renderfleet_webhooks_overdue_seconds 0.0" in (await api.client.get("/metrics")).text


async def test_without_postgres_the_calls_say_so(serve: Serve, dead_port: int) -> None:
    async with serve(DATABASE_URL=f"postgresql://x@127.0.0.1:{dead_port}/x") as away:
        answer = await away.client.post("/v1/webhooks", json={"url": URL})
    assert problem(answer, 503, ErrorType.DATABASE_UNAVAILABLE)
    assert answer.headers["retry-after"]
