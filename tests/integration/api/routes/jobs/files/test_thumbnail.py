"""Small pictures: what they show, of what there are none, where they are kept, and until when."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue, fail, problem, succeed
from tests.kit.data.stored_files import files_below
from tests.kit.documents.pictures import colour
from worker.maintenance.eraser import Eraser

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(size: tuple[int, int], format_: str, mode: str = "RGB") -> bytes:
    """Red in its upper left quarter and blue elsewhere, in a mode with transparency transparent elsewhere."""
    made = Image.new(mode, size, "blue" if mode == "RGB" else (0, 0, 0, 0))
    made.paste(Image.new(mode, (size[0] // 2, size[1] // 2), "red"))
    written = io.BytesIO()
    made.save(written, format_)
    return written.getvalue()


class Pictures:
    """Jobs whose artifact is a picture of one's own."""

    def __init__(self, api: Api, database: Database, artifacts: Artifacts, folder: Path) -> None:
        self._api = api
        self._parts = (database, artifacts, folder)

    async def of(self, content: bytes, **facts: Any) -> str:
        """The path of the small picture of a job with this artifact."""
        job = await enqueue(self._api.client)
        await succeed(*self._parts, job["id"], content=content, **facts)
        return f"/v1/jobs/{job['id']}/thumbnail"


@pytest.fixture
def pictures(api: Api, database: Database, artifacts: Artifacts, tmp_path: Path) -> Pictures:
    return Pictures(api, database, artifacts, tmp_path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
async def test_a_small_picture_shows_the_picture(api: Api, pictures: Pictures, kind: str) -> None:
    path = await pictures.of(
        picture((1280, 720), kind.upper()), content_type=f"image/{kind}", size=(1280, 720)
    )
    for query, size in (("", (480, 270)), ("?width_px=320", (320, 180)), ("?width_px=1024", (1024, 576))):
        answer = await api.client.get(path + query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/webp"
        assert len(answer.content) < 20_000
        with Image.open(io.BytesIO(answer.content)) as small:
            assert (small.format, small.size) == ("WEBP", size)
            for place, expected in (((0.2, 0.2), RED), ((0.8, 0.2), BLUE), ((0.2, 0.8), BLUE)):
                found = colour(small, int(place[0] * size[0]), int(place[1] * size[1]))
                assert all(abs(one - other) < 16 for one, other in zip(found, expected, strict=True)), place


async def test_a_narrow_one_is_not_made_larger_and_of_a_high_one_the_top_is_shown(
    api: Api, pictures: Pictures
) -> None:
    path = await pictures.of(picture((100, 9_000), "PNG", "RGBA"), size=(100, 9_000))
    with Image.open(io.BytesIO((await api.client.get(path)).content)) as small:
        assert (small.size, small.mode) == ((100, 200), "RGBA")
        assert small.getchannel("A").getpixel((90, 100)) == 0
        assert small.getchannel("A").getpixel((10, 190)) == 255, "its upper part, not all of it pressed"


async def test_a_known_one_is_not_made_again(api: Api, pictures: Pictures) -> None:
    path = await pictures.of(picture((800, 600), "PNG"), size=(800, 600))
    first = await api.client.get(path)
    assert first.headers["cache-control"] == "private, max-age=3600"
    known = {"If-None-Match": first.headers["etag"]}
    again = await api.client.get(path, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await api.client.get(f"{path}?width_px=100", headers=known)).status_code == 200
    await api.client.delete(path.replace("thumbnail", "artifact"))
    for headers in ({}, known):
        problem(await api.client.get(path, headers=headers), 410, ErrorType.ARTIFACT_EXPIRED)


@pytest.mark.parametrize("query", ["", "?width_px=320"])
async def test_who_asks_again_gets_the_one_that_is_kept_until_the_artifact_is_erased(
    api: Api, pictures: Pictures, artifacts: Artifacts, engines: Engines, query: str
) -> None:
    path = await pictures.of(picture((800, 600), "PNG"), size=(800, 600))
    folder = engines.s3.folder / "renderfleet"
    before = set(files_below(folder))
    first = await api.client.get(path + query)
    (kept,) = set(files_below(folder)) - before
    assert kept.relative_to(folder).parts[0] == "thumbnails"
    assert kept.read_bytes() == first.content
    document = (await api.client.get(path.replace("/thumbnail", ""))).json()
    await artifacts.delete(document["artifact"]["key"])
    again = await api.client.get(path + query)
    assert (again.status_code, again.content) == (200, first.content), "it is not made of the artifact again"
    problem(await api.client.get(f"{path}?width_px=100"), 404, ErrorType.NO_ARTIFACT)
    await api.client.delete(path.replace("thumbnail", "artifact"))
    assert not kept.exists()
    problem(await api.client.get(path + query), 410, ErrorType.ARTIFACT_EXPIRED)


async def test_retention_erases_small_pictures_too(
    api: Api, pictures: Pictures, artifacts: Artifacts, database: Database, engines: Engines
) -> None:
    path = await pictures.of(picture((800, 600), "PNG"), size=(800, 600))
    folder = engines.s3.folder / "renderfleet"
    before = set(files_below(folder))
    for width in (320, 480, 64):
        assert (await api.client.get(f"{path}?width_px={width}")).status_code == 200
    kept = set(files_below(folder)) - before
    assert len(kept) == 2
    await database.execute("UPDATE jobs SET erase_at = now()")
    await Eraser(database, artifacts, history=timedelta(days=30)).erase()
    assert not any(file.exists() for file in kept)


async def test_where_the_store_takes_nothing_there_are_small_pictures_all_the_same(
    api: Api, pictures: Pictures, database: Database
) -> None:
    path = await pictures.of(picture((800, 600), "PNG"), size=(800, 600))
    async with database.transaction() as connection:
        # As if Postgres did not answer: nobody may hold a job meanwhile.
        await connection.execute("LOCK TABLE jobs IN EXCLUSIVE MODE")
        assert (await api.client.get(path)).status_code == 200


async def test_of_what_is_no_picture_or_a_very_large_one_there_is_none(api: Api, pictures: Pictures) -> None:
    small = picture((8, 8), "PNG")
    large = picture((5_000, 4_001), "PNG")
    for content, facts, words in (
        (b"%PDF-1.7", {"content_type": "application/pdf", "size": None}, "the artifact is application/pdf"),
        (small, {"size": (5_000, 4_001)}, "has 20,005,000 pixels"),
        # What was recorded of it is not true.
        (large, {"size": (8, 8)}, "cannot be decoded"),
        (small, {"content_type": "image/jpeg", "size": (8, 8)}, "cannot be decoded"),
        (small[:-30], {"size": (8, 8)}, "cannot be decoded"),
    ):
        path = await pictures.of(content, **facts)
        assert words in problem(await api.client.get(path), 404, ErrorType.NO_THUMBNAIL)["detail"]


async def test_a_job_without_an_artifact_has_none_and_a_width_has_limits(
    api: Api, database: Database
) -> None:
    job = await enqueue(api.client)
    path = f"/v1/jobs/{job['id']}/thumbnail"
    problem(await api.client.get(path), 409, ErrorType.JOB_NOT_FINISHED)
    await fail(database, job["id"])
    problem(await api.client.get(path), 404, ErrorType.NO_ARTIFACT)
    for width in ("15", "1025", "x"):
        refused = await api.client.get(path, params={"width_px": width})
        assert problem(refused, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == "width_px"
