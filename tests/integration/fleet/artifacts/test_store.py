import asyncio
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.keys import artifact_key
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.errors import ErrorType, UnavailableError

MIB = 1024 * 1024


@pytest.fixture
def artifacts(storage_settings: StorageSettings) -> Iterator[Artifacts]:
    made = Artifacts(storage_settings)
    yield made
    made.close()


async def read(artifacts: Artifacts, key: str, first: int, last: int) -> bytes:
    return b"".join([chunk async for chunk in artifacts.read(key, first=first, last=last)])


# Below one part, exactly one part, and several parts of 8 MiB with a short last one.
@pytest.mark.parametrize("size", [1, 8 * MIB, 19 * MIB + 7])
async def test_what_was_uploaded_comes_back(artifacts: Artifacts, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    path = tmp_path / "artifact.png"
    path.write_bytes(content)
    key = f"tests/{size}.png"
    await artifacts.upload(path, key, content_type="image/png")
    whole = await read(artifacts, key, 0, size - 1)
    assert hashlib.sha256(whole).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 9), (300_000, 700_000), (999_999, 999_999)])
async def test_a_span_is_exactly_its_bytes(
    artifacts: Artifacts, tmp_path: Path, first: int, last: int
) -> None:
    content = os.urandom(1_000_000)
    (tmp_path / "a").write_bytes(content)
    await artifacts.upload(tmp_path / "a", "tests/span.png", content_type="image/png")
    assert await read(artifacts, "tests/span.png", first, last) == content[first : last + 1]


async def test_a_presigned_address_works_without_credentials_and_not_for_another_key(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"picture")
    await artifacts.upload(tmp_path / "a", "tests/signed.png", content_type="image/png")
    url = artifacts.presign(
        "tests/signed.png", content_type="image/png", disposition='inline; filename="x.png"'
    )
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
        assert (answer.status_code, answer.content) == (200, b"picture")
        assert answer.headers["content-type"] == "image/png"
        assert (await client.get(url.replace("signed.png", "span.png"))).status_code >= 400


async def test_a_key_that_holds_nothing_is_missing_not_unavailable(artifacts: Artifacts) -> None:
    with pytest.raises(ArtifactMissingError):
        await read(artifacts, "tests/none.png", 0, 1)


async def test_a_store_that_is_away_is_unavailable_and_comes_back(
    engines: Engines, storage_settings: StorageSettings, tmp_path: Path
) -> None:
    artifacts = Artifacts(storage_settings.model_copy(update={"s3_timeout_s": 1.0}))
    (tmp_path / "a").write_bytes(b"x")
    engines.s3.kill()
    try:
        with pytest.raises(UnavailableError) as caught:
            await artifacts.upload(tmp_path / "a", "tests/a.png", content_type="image/png")
        assert caught.value.type is ErrorType.STORAGE_UNAVAILABLE
    finally:
        await asyncio.to_thread(engines.s3.start)
    await artifacts.upload(tmp_path / "a", "tests/a.png", content_type="image/png")
    artifacts.close()


def test_a_key_holds_tenant_day_job_and_attempt() -> None:
    key = artifact_key(UUID(int=1), UUID(int=2), 3, datetime(2026, 11, 21, tzinfo=UTC), "png")
    assert key == (
        "00000000-0000-0000-0000-000000000001/2026/11/21/00000000-0000-0000-0000-000000000002-3.png"
    )
