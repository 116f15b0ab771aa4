"""Comparing the pictures of two jobs: what a caller learns, what is kept, and what is refused."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import claim, enqueue, fail, problem, succeed
from tests.kit.documents.pictures import colour
from tests.kit.processes import NO_TLS

SIZE = (400, 300)
RED = (230, 0, 60)
Box = tuple[int, int, int, int]


def picture(*marks: Box, size: tuple[int, int] = SIZE, format_: str = "PNG", mode: str = "RGB") -> bytes:
    """White, with black marks."""
    made = Image.new(mode, size, "white")
    for mark in marks:
        made.paste("black", mark)
    written = io.BytesIO()
    made.save(written, format_)
    return written.getvalue()


class Pictures:
    """Jobs whose artifact is a picture of one's own."""

    def __init__(self, api: Api, database: Database, artifacts: Artifacts, folder: Path) -> None:
        self.client = api.client
        self._parts = (database, artifacts, folder)

    async def of(self, content: bytes, **facts: Any) -> str:
        job = await enqueue(self.client)
        await succeed(*self._parts, job["id"], content=content, **({"size": SIZE} | facts))
        return str(job["id"])

    async def ask(self, one: str, other: str, **options: object) -> httpx.Response:
        return await self.client.post(f"/v1/jobs/{other}/compare", json={"with": one, **options})

    async def compare(self, one: str, other: str, **options: object) -> dict[str, Any]:
        answer = await self.ask(one, other, **options)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def pictures(api: Api, database: Database, artifacts: Artifacts, tmp_path: Path) -> Pictures:
    return Pictures(api, database, artifacts, tmp_path)


def differences(engines: Engines) -> Iterable[Path]:
    """All difference pictures in the store."""
    return list((engines.s3.folder / "renderfleet" / "differences").glob("**/*.png"))


async def download(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as nobody:
        return await nobody.get(url)


async def test_what_differs_is_told_and_shown_and_goes_with_either_artifact(
    api: Api, pictures: Pictures, engines: Engines
) -> None:
    before = set(differences(engines))
    one, other = [await pictures.of(picture(*marks)) for marks in ([], [(50, 60, 90, 80)])]
    found = await pictures.compare(one, other)
    assert (found["compared_with"], found["method"], found["threshold"]) == (one, "visible", 0)
    assert (found["equal"], found["sizes_differ"]) == (False, False)
    assert found["distance"] == found["share"] == found["differing_share"] == 40 * 20 / (400 * 300)
    assert found["boxes"] == [{"x": 50, "y": 60, "width": 40, "height": 20}]
    shown = found["difference"]
    file = await download(shown["url"])
    assert (file.status_code, file.headers["content-type"]) == (200, "image/png")
    assert len(file.content) == shown["size_bytes"]
    with Image.open(io.BytesIO(file.content)) as drawn:
        assert drawn.size == (shown["width_px"], shown["height_px"]) == SIZE
        assert colour(drawn, 60, 70) == RED
        assert colour(drawn, 300, 200) != RED
    third = await pictures.of(picture())
    await pictures.compare(other, third)
    first, second = sorted(set(differences(engines)) - before)  # their names grow with time
    for erased, gone in ((one, first), (third, second)):
        assert gone.exists()
        await api.client.delete(f"/v1/jobs/{erased}/artifact")
        assert not gone.exists()
    assert (await download(shown["url"])).status_code == 404


async def test_a_job_of_a_schedule_says_how_it_differs_and_leads_to_the_difference_picture(
    api: Api, pictures: Pictures, database: Database
) -> None:
    job, last = await pictures.of(picture()), str(uuid4())
    comparison = {
        "compared_with": last,
        "method": "visible",
        "threshold": 0,
        "equal": False,
        "distance": 0.5,
        "share": 0.5,
        "difference": {"size_bytes": 9, "width_px": 4, "height_px": 3},
        "difference_key": "differences/a/b.png",
    }
    sql = "UPDATE jobs SET comparison = $2 WHERE id = $1"
    await database.execute(sql, job, json.dumps(comparison))
    shown = (await api.client.get(f"/v1/jobs/{job}")).json()["comparison"]
    assert (shown["compared_with"], shown["distance"], shown["perceptual"]) == (last, 0.5, None)
    assert shown["difference"]["url"] is None
    assert "difference_key" not in shown
    answer = await api.client.get(f"/v1/jobs/{job}/difference")
    assert answer.status_code == 307
    assert "/differences/a/b.png?" in answer.headers["location"]


async def test_the_same_question_is_not_computed_twice(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = [await pictures.of(picture(*marks)) for marks in ([], [(50, 60, 90, 80)])]
    first = await pictures.compare(one, other)
    with monkeypatch.context() as patched:
        patched.setattr("api.jobs.comparisons.compare", None)  # whoever computes it, fails
        again = await pictures.compare(one, other)
        assert again["share"] == first["share"]
        assert again["difference"]["size_bytes"] == first["difference"]["size_bytes"]
        assert (await pictures.compare(one, other, threshold=0.5))["equal"] is True
    elsewhere = await pictures.compare(
        one, other, ignore_regions=[{"x": 0, "y": 0, "width": 100, "height": 100}]
    )
    assert (elsewhere["equal"], elsewhere["difference"]) == (True, None)


async def test_equal_pictures_and_pictures_of_different_sizes_and_formats(pictures: Pictures) -> None:
    mark = (50, 60, 90, 80)
    plain = await pictures.of(picture(mark))
    clear = await pictures.of(picture(mark, mode="RGBA"))
    same = await pictures.compare(plain, clear)
    assert (same["equal"], same["share"], same["perceptual"], same["difference"]) == (True, 0, 0, None)
    longer = await pictures.of(picture(mark, size=(400, 310)), size=(400, 310))
    found = await pictures.compare(plain, longer, threshold=0.5)
    assert (found["equal"], found["sizes_differ"]) == (False, True)
    assert found["share"] == pytest.approx(10 / 310)
    assert found["boxes"] == [{"x": 0, "y": 300, "width": 400, "height": 10}]
    webp = await pictures.of(picture(mark, format_="WEBP"), content_type="image/webp")
    assert (await pictures.compare(plain, webp, method="perceptual"))["equal"] is True


async def test_what_cannot_be_compared_says_which_and_why(pictures: Pictures) -> None:
    good = await pictures.of(picture())
    broken = await pictures.of(picture()[:-30])
    for content, facts, words in (
        (b"%PDF-1.7", {"content_type": "application/pdf", "size": None}, "is application/pdf; only png"),
        (picture(), {"size": (8_000, 5_000)}, "has 40,000,000 pixels; a png with at most 20,000,000"),
        (picture(), {"content_type": "text/html; charset=utf-8"}, "is text/html"),
    ):
        bad = await pictures.of(content, **facts)
        for pair, name in (
            ((good, bad), "the artifact of this job"),
            ((bad, good), "the artifact of `with`"),
        ):
            detail = problem(await pictures.ask(*pair), 422, ErrorType.NOT_COMPARABLE)["detail"]
            assert detail.startswith(f"{name} {words}")
    detail = problem(await pictures.ask(broken, good), 422, ErrorType.NOT_COMPARABLE)["detail"]
    assert detail == "the artifact of `with`: it cannot be decoded"
    [finding] = problem(await pictures.ask(good, good), 422, ErrorType.INVALID_REQUEST)["errors"]
    assert (finding["field"], finding["message"]) == ("with", "is this job itself")


async def test_jobs_without_a_picture_of_one_s_own_are_refused_by_name(
    api: Api, pictures: Pictures, database: Database
) -> None:
    good, erased = [await pictures.of(picture()) for _ in range(2)]
    await api.client.delete(f"/v1/jobs/{erased}/artifact")
    running, failed = [(await enqueue(api.client))["id"] for _ in range(2)]
    await claim(database, running)
    await fail(database, failed)
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="other", key_name="k", scopes=frozenset(Scope))
    foreign = await api.client.post(
        "/v1/jobs", json={"html": "x"}, headers={"Authorization": f"Bearer {key}"}
    )
    for other, status, type_ in (
        (erased, 410, ErrorType.ARTIFACT_EXPIRED),
        (running, 409, ErrorType.JOB_NOT_FINISHED),
        (failed, 404, ErrorType.NO_ARTIFACT),
        (foreign.json()["id"], 404, ErrorType.NOT_FOUND),
        (str(uuid4()), 404, ErrorType.NOT_FOUND),
    ):
        assert problem(await pictures.ask(other, good), status, type_)["detail"].startswith("`with`: ")
        assert "`with`" not in problem(await pictures.ask(good, other), status, type_)["detail"]
    problem(await api.client.get(f"/v1/jobs/{good}/difference"), 404, ErrorType.NO_ARTIFACT)


async def test_a_field_that_is_not_known_is_answered_with_the_names_as_they_are_written(api: Api) -> None:
    answer = await api.client.post(f"/v1/jobs/{uuid4()}/compare", json={"other": str(uuid4())})
    [unknown] = [one for one in answer.json()["errors"] if one["field"] == "other"]
    assert unknown["allowed"] == "ignore_regions, method, threshold, with"
