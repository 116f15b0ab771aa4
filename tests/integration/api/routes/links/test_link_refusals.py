"""Signed links that show nothing: who may not, what fails, and what stands in for a failure."""

import asyncio
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from fleet.errors import ErrorType
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.job import State
from fleet.queue.announcements import announce_change
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import CONTENT, claim, problem
from tests.kit.api.links import URL, Signer, StandInWorker, made_key, visitor, waiting

pytest_plugins = ("tests.kit.api.link_fixtures",)


async def test_what_is_not_signed_is_refused(anyone: httpx.AsyncClient, signer: Signer) -> None:
    link = signer.link(full_page="true")
    signature = link.rpartition("signature=")[2]
    for mutated in (
        link.replace("full_page=true", "full_page=false"),
        link.replace("&full_page=true", ""),
        link + "&quality=5",
        link.replace("example.com", "example.org"),
        link.replace("expires=1", "expires=2"),
        link.replace(signature, "0" * 64),
        link.replace(signature, signature.upper()),
        link.replace(f"&signature={signature}", ""),
        link.replace(f"key={signer.key_id}", "key=000000000000"),
        link.replace(f"&key={signer.key_id}", ""),
        link + "&full_page=true",
        link + f"&signature={signature}",
        link + "&quality=",
        link + "&",
        link.replace("full_page=true", "full_page=+true"),
        link.replace("full_page=true", "full_page=%zz"),
        link.replace("full_page=true", "full_page=%ff"),
        "/v1/screenshot",
    ):
        refusal = problem(await anyone.get(mutated), 401, ErrorType.LINK_NOT_SIGNED)
        assert len(refusal["detail"]) > 20, mutated


async def test_an_expired_link_says_so_and_since_when(anyone: httpx.AsyncClient, signer: Signer) -> None:
    link = signer.link(expires_in_s=-5, placeholder="error")
    refusal = problem(await anyone.get(link), 403, ErrorType.LINK_EXPIRED)
    assert refusal["title"] == "The link has expired"
    expires = datetime.fromtimestamp(int(link.split("expires=")[1].partition("&")[0]), UTC)
    assert f"{expires:%Y-%m-%dT%H:%M:%SZ}" in refusal["detail"]


async def test_a_link_that_would_be_valid_for_too_long_is_refused(
    anyone: httpx.AsyncClient, signer: Signer
) -> None:
    link = signer.link(expires_in_s=91 * 24 * 3600, placeholder="error")
    [found] = problem(await anyone.get(link), 422, ErrorType.INVALID_REQUEST)["errors"]
    assert (found["field"], found["message"]) == ("expires", "is too late")
    assert "7,776,000 s" in found["allowed"]


async def test_what_is_signed_is_checked_like_the_body_of_a_post(
    anyone: httpx.AsyncClient, signer: Signer
) -> None:
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"full_page": "yes"}, "full_page"),
        ({"quality": "1_0", "format": "jpeg"}, "quality"),
        ({"device_scale_factor": "inf"}, "device_scale_factor"),
        ({"viewport.width": "99999", "viewport.height": "10"}, "viewport.width"),
        ({"geolocation.latitude": "8"}, "geolocation.longitude"),
        ({"ful_page": "true"}, "ful_page"),
        ({"html": "<p>"}, "html"),
        ({"webhook_url": "https://example.com/"}, "webhook_url"),
        ({"proxy.server": "http://p.example.com"}, "proxy.server"),
        ({"priority": "9"}, "priority"),
        ({"placeholder": "kitten"}, "placeholder"),
    )
    for options, field in cases:
        refusal = problem(await anyone.get(signer.link_with(options)), 422, ErrorType.INVALID_REQUEST)
        assert refusal["errors"][0]["field"] == field
    for theirs, ours in (
        ("ful_page", "full_page"),
        ("width", "viewport.width"),
        ("tz", "timezone_id"),
    ):
        refusal = problem(await anyone.get(signer.link_with({theirs: "1"})), 422, ErrorType.INVALID_REQUEST)
        assert refusal["errors"][0]["message"].endswith(f"; did you mean `{ours}`?")
    private = signer.link(url="http://10.0.0.1/", placeholder="error")
    problem(await anyone.get(private), 422, ErrorType.URL_BLOCKED)


async def test_a_key_signs_by_its_scope_and_only_while_it_is_valid(
    serve: Serve, fleet: StandInWorker
) -> None:
    async with serve(API_KEY_CACHE_S=0) as api, visitor(api) as anyone:
        reader = await made_key(fleet.database, Scope.READ)
        refusal = problem(await anyone.get(reader.link()), 403, ErrorType.FORBIDDEN)
        assert "links" in refusal["detail"]
        only_links = await made_key(fleet.database, Scope.LINKS)
        for path in ("/v1/jobs", "/v1/fleet"):
            headers = {"Authorization": f"Bearer {only_links.api_key}"}
            problem(await anyone.get(path, headers=headers), 403, ErrorType.FORBIDDEN)
        renderer = await made_key(fleet.database, Scope.RENDER)
        await fleet.loaded(anyone, renderer.link())
        await fleet.database.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", renderer.key_id)
        problem(await anyone.get(renderer.link()), 401, ErrorType.LINK_NOT_SIGNED)
        await fleet.database.execute(
            "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1", only_links.key_id
        )
        problem(await anyone.get(only_links.link()), 401, ErrorType.LINK_NOT_SIGNED)
        async with fleet.database.connection() as connection:
            old = await create_key(
                connection, tenant_name="tests", key_name="old", scopes=frozenset({Scope.RENDER})
            )
        refusal = problem(await anyone.get(Signer(old).link()), 401, ErrorType.LINK_NOT_SIGNED)
        assert "new one" in refusal["detail"]


async def test_a_load_waits_for_a_render_that_is_under_way(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    first = asyncio.create_task(anyone.get(signer.link()))
    attempt = await claim(fleet.database, await fleet.job())
    second = asyncio.create_task(anyone.get(signer.link()))
    await waiting(anyone, 2)
    outcome = AttemptOutcome(State.FAILED, error_type=ErrorType.PAGE_CRASHED, error_detail="out of memory")
    assert await attempts.finish(fleet.database, attempt, outcome)
    await announce_change(fleet.redis, attempt.job_id)
    for answer in await asyncio.gather(first, second):
        problem(answer, 502, ErrorType.PAGE_CRASHED)
    assert await fleet.jobs() == 1


async def test_a_failure_is_told_and_not_repeated_at_each_load(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    answer = await fleet.failed(anyone, signer.link())
    refusal = problem(answer, 502, ErrorType.TLS_ERROR)
    assert refusal["detail"] == "certificate expired"
    assert answer.headers["cache-control"] == "no-store"
    problem(await anyone.get(signer.link()), 502, ErrorType.TLS_ERROR)
    assert await fleet.jobs() == 1
    await fleet.database.execute("UPDATE jobs SET finished_at = finished_at - interval '31 s'")
    await fleet.failed(anyone, signer.link())
    assert await fleet.jobs() == 2


async def test_a_placeholder_stands_in_for_a_failure(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    size = {"viewport.width": "300", "viewport.height": "200", "device_scale_factor": "2"}
    first = await fleet.failed(anyone, signer.link_with({"placeholder": "error", **size}))
    second = await anyone.get(signer.link_with({"placeholder": "transparent", **size}))
    for answer, pixels in ((first, (600, 400)), (second, (1, 1))):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["renderfleet-error"] == "tls_error"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert Image.open(BytesIO(answer.content)).size == pixels
    forged = signer.link(placeholder="error").replace("signature=", "signature=0")
    problem(await anyone.get(forged), 401, ErrorType.LINK_NOT_SIGNED)


async def test_a_render_that_takes_longer_is_not_waited_for(
    serve: Serve, signer: Signer, fleet: StandInWorker
) -> None:
    async with serve(LINK_WAIT_S=0.3) as api, visitor(api) as anyone:
        answer = await anyone.get(signer.link())
        problem(answer, 503, ErrorType.RENDER_PENDING)
        assert int(answer.headers["retry-after"]) > 0
        shown = await anyone.get(signer.link(placeholder="transparent"))
        assert (shown.status_code, shown.headers["renderfleet-error"]) == (200, "render_pending")
        # The render went on meanwhile, and is there for the next load.
        await fleet.succeed(await fleet.job())
        assert (await anyone.get(signer.link())).content == CONTENT
        assert await fleet.jobs() == 1


async def test_a_cancelled_render_is_told_once_and_made_anew(
    api: Api, anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    load = asyncio.create_task(anyone.get(signer.link()))
    job_id = await fleet.job()
    await api.client.delete(f"/v1/jobs/{job_id}")
    problem(await load, 409, ErrorType.CANCELLED)
    assert (await fleet.loaded(anyone, signer.link())).status_code == 200


async def test_links_are_within_the_tenants_limits_and_loads_of_one_count_once(
    serve: Serve, signer: Signer, fleet: StandInWorker
) -> None:
    limits = {"TENANT_MAX_QUEUED": 1, "TENANT_MAX_REQUESTS_PER_S": 0.01, "TENANT_BURST": 2}
    async with serve(LINK_WAIT_S=0.5, **limits) as api, visitor(api) as anyone:
        link = signer.link(cache_ttl_s="60")
        loads = await asyncio.gather(*(anyone.get(link) for _ in range(20)))
        for answer in loads:
            problem(answer, 503, ErrorType.RENDER_PENDING)
        problem(await anyone.get(signer.link(url=f"{URL}?2")), 429, ErrorType.QUOTA_EXCEEDED)
        shown = await anyone.get(signer.link(url=f"{URL}?3", placeholder="transparent"))
        assert (shown.status_code, shown.headers["renderfleet-error"]) == (200, "rate_limited")
        # What is there is shown, whatever the limits.
        await fleet.succeed(await fleet.job())
        for _ in range(3):
            assert (await anyone.get(link)).content == CONTENT


async def test_nothing_of_a_link_is_logged(
    serve: Serve, signer: Signer, capfd: pytest.CaptureFixture[str]
) -> None:
    link = signer.link(url="https://example.com/?secret-word")
    async with serve(LOG_FORMAT="json") as api, visitor(api) as anyone:
        problem(await anyone.get(link.replace("example.com", "example.org")), 401, ErrorType.LINK_NOT_SIGNED)
        problem(await anyone.get(signer.link(quality="secret-word")), 422, ErrorType.INVALID_REQUEST)
    logged = capfd.readouterr().err
    assert '"route": "/v1/screenshot"' in logged
    assert "secret-word" not in logged
    assert link.rpartition("signature=")[2] not in logged


async def test_links_are_described_without_a_key(anyone: httpx.AsyncClient) -> None:
    paths: dict[str, Any] = (await anyone.get("/openapi.json")).json()["paths"]
    for path in ("/v1/screenshot", "/v1/pdf"):
        operation = paths[path]["get"]
        assert operation["security"] == []
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert {"url", "viewport.width", "cache_ttl_s", "key", "expires", "signature"} < names
        assert not {"html", "proxy.password", "webhook_url", "priority"} & names
        assert ("format" in names) is ("placeholder" in names) is (path == "/v1/screenshot")
