"""Signed links: what is shown, to whom, and what is shared."""

import asyncio
import hashlib

import httpx

from fleet.errors import ErrorType
from fleet.queue.arq_adapter import QUEUE
from fleet.tenants.tenant import Scope
from tests.kit.api.calls import CONTENT, problem
from tests.kit.api.links import URL, Signer, StandInWorker, made_key, waiting

pytest_plugins = ("tests.kit.api.link_fixtures",)

ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


async def test_a_link_shows_the_picture_to_anyone(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    answer = await fleet.loaded(anyone, signer.link())
    assert (answer.status_code, answer.content) == (200, CONTENT)
    expected = {
        "content-type": "image/png",
        "content-length": str(len(CONTENT)),
        "etag": ETAG,
        "accept-ranges": "bytes",
        "content-disposition": 'inline; filename="example.com.png"',
        "cross-origin-resource-policy": "cross-origin",
        "x-content-type-options": "nosniff",
    }
    assert expected.items() <= dict(answer.headers).items()
    # Caches keep it no longer than the link holds, although the picture would be served for a day.
    visibility, _, max_age = answer.headers["cache-control"].partition(", max-age=")
    assert visibility == "public"
    assert 3590 < int(max_age) <= 3600


async def test_the_second_load_needs_no_second_render(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link())
    # Another expiry, another order, the same picture.
    again = await anyone.get(signer.link(expires_in_s=7200))
    assert (again.status_code, again.content) == (200, CONTENT)
    known = await anyone.get(signer.link(), headers={"If-None-Match": ETAG})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", ETAG)
    assert known.headers["cross-origin-resource-policy"] == "cross-origin"
    part = await anyone.get(signer.link(), headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    head = await anyone.head(signer.link())
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", ETAG)
    assert await fleet.jobs() == 1


async def test_fifty_loads_at_once_are_one_render(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    # Also for a link that is never served from the store.
    link = signer.link(cache_ttl_s="0")
    loads = [asyncio.create_task(anyone.get(link)) for _ in range(50)]
    job_id = await fleet.job()
    await waiting(anyone, 50)
    await fleet.succeed(job_id)
    answers = await asyncio.gather(*loads)
    assert {(answer.status_code, answer.content == CONTENT) for answer in answers} == {(200, True)}
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=0"}
    assert await fleet.jobs() == 1
    assert await fleet.redis.zrange(QUEUE, 0, -1) == [f"{job_id}:1".encode()]
    await fleet.loaded(anyone, link)
    assert await fleet.jobs() == 2


async def test_what_is_older_than_wanted_is_rendered_anew(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link())
    await fleet.database.execute("UPDATE jobs SET finished_at = finished_at - interval '100 s'")
    answer = await anyone.get(signer.link(cache_ttl_s="160"))
    assert 50 < int(answer.headers["cache-control"].rpartition("=")[2]) <= 60
    await fleet.loaded(anyone, signer.link(cache_ttl_s="90"))
    assert await fleet.jobs() == 2


async def test_the_picture_of_an_error_page_is_kept_no_longer_than_an_error(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    """The page may be well again in a moment: neither we nor caches show its error for a day."""
    await fleet.loaded(anyone, signer.link())
    await fleet.database.execute("""UPDATE jobs SET page = '{"http_status": 500}'""")
    answer = await anyone.get(signer.link())
    assert answer.content == CONTENT
    assert 0 < int(answer.headers["cache-control"].rpartition("=")[2]) <= 30
    await fleet.database.execute("UPDATE jobs SET finished_at = finished_at - interval '31 s'")
    await fleet.loaded(anyone, signer.link())
    assert await fleet.jobs() == 2


async def test_what_was_erased_or_lost_is_rendered_anew(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link())
    await fleet.database.execute("UPDATE jobs SET artifact_erased_at = now()")
    answer = await fleet.loaded(anyone, signer.link())
    assert answer.content == CONTENT
    # The bucket has lost it, and the database does not know.
    await fleet.artifacts.delete(
        await fleet.database.fetchval("SELECT artifact_key FROM jobs ORDER BY id DESC LIMIT 1")
    )
    answer = await fleet.loaded(anyone, signer.link())
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert (await anyone.get(signer.link())).content == CONTENT


async def test_another_picture_is_another_render(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link())
    await fleet.loaded(anyone, signer.link(full_page="true"))
    await fleet.loaded(anyone, signer.link(url=f"{URL}?page=2"))
    assert await fleet.jobs() == 3


async def test_nobody_is_shown_the_picture_of_another_tenant(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link())
    stranger = await made_key(fleet.database, Scope.LINKS, tenant_name="strangers")
    await fleet.loaded(anyone, stranger.link())
    owners = await fleet.database.fetch("SELECT DISTINCT tenant_id FROM jobs")
    assert len(owners) == 2
    # A stranger's key under our link is no signature of ours.
    forged = signer.link().replace(signer.key_id, stranger.key_id)
    problem(await anyone.get(forged), 401, ErrorType.LINK_NOT_SIGNED)


async def test_all_options_reach_the_render(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    link = signer.link(
        viewport__width="800",
        viewport__height="600",
        format="webp",
        quality="70",
        full_page="true",
        device_scale_factor="1.5",
        wait_until="networkidle",
        block_requests="ads.example.org,*.tracker.example",
        cache_ttl_s="100000",
    )
    await fleet.loaded(anyone, link)
    rows = await fleet.database.fetch("SELECT request::text AS request, retention_s FROM jobs")
    asked = httpx.Response(200, text=rows[0]["request"]).json()
    assert asked == {
        "url": URL,
        "viewport": {"width": 800, "height": 600},
        "format": "webp",
        "quality": 70,
        "full_page": True,
        "device_scale_factor": 1.5,
        "wait_until": "networkidle",
        "block_requests": ["*.tracker.example", "ads.example.org"],
        "cache_ttl_s": 100000,
        "retention_s": 100000,
    }
    assert rows[0]["retention_s"] == 100_000


async def test_a_pdf_has_a_path_of_its_own(
    anyone: httpx.AsyncClient, signer: Signer, fleet: StandInWorker
) -> None:
    await fleet.loaded(anyone, signer.link("/v1/pdf"))
    assert await fleet.database.fetchval("SELECT request->>'format' FROM jobs") == "pdf"
    for link, field in (
        (signer.link(format="pdf"), "format"),
        (signer.link("/v1/pdf", format="png"), "format"),
        (signer.link("/v1/pdf", placeholder="error"), "placeholder"),
    ):
        refusal = problem(await anyone.get(link), 422, ErrorType.INVALID_REQUEST)
        assert refusal["errors"][0]["field"] == field
    # A signature for one path is none for the other.
    moved = signer.link().replace("/v1/screenshot", "/v1/pdf")
    problem(await anyone.get(moved), 401, ErrorType.LINK_NOT_SIGNED)
