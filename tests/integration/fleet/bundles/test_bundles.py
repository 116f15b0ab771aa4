"""Bundles in Postgres and S3: what is written is read, nobody else reads it, and it goes when it should."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.bundles import rows
from fleet.bundles.pieces import PIECE_BYTES, piece_key
from fleet.bundles.rows import StoredBundle
from fleet.bundles.transfer import BundleWriter, read_bundle
from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.cancel import cancel
from fleet.jobs.create import accept, retry
from fleet.jobs.job import Job
from fleet.render.files import UPLOADS_CONTEXT
from fleet.render.request import RenderRequest
from fleet.vault import UnsealError
from tests.kit.data.stored_files import files_below
from tests.kit.data.vaults import VAULT

NOISE = random.Random(2).randbytes(PIECE_BYTES)  # noqa: S311 - no secret
MARKER = b"marker of a file"
REQUEST = RenderRequest.model_validate(
    {"files": {"index.html": {"size_bytes": 1, "sha256": "0" * 64}}}, context={UPLOADS_CONTEXT: True}
)


@pytest.fixture
async def artifacts(storage_settings: StorageSettings) -> AsyncIterator[Artifacts]:
    made = Artifacts(storage_settings)
    yield made
    made.close()


class Shelf:
    """Bundles of a tenant."""

    def __init__(self, engines: Engines, database: Database, artifacts: Artifacts, tenant_id: UUID) -> None:
        self.folder = engines.s3.folder / "renderfleet" / "bundles" / str(tenant_id)
        self.database = database
        self.artifacts = artifacts
        self.tenant_id = tenant_id

    async def stored(self, *files: bytes) -> tuple[StoredBundle, BundleWriter]:
        bundle = await rows.begin(self.database, VAULT, tenant_id=self.tenant_id)
        writer = BundleWriter(self.artifacts, bundle)
        for number, file in enumerate(files):
            for start in range(0, len(file), 300_000):
                await writer.write(file[start : start + 300_000])
            writer.end_file(str(number))
        await writer.close()
        return bundle, writer

    async def read(self, bundle: StoredBundle, size: int) -> bytes:
        found = await rows.find(self.database, VAULT, tenant_id=bundle.tenant_id, bundle_id=bundle.id)
        return b"".join([piece async for piece in read_bundle(self.artifacts, found, size)])

    async def job(self, bundle: StoredBundle) -> Job:
        accepted = await accept.accept(
            self.database, VAULT, tenant_id=self.tenant_id, request=REQUEST, bundle_id=bundle.id
        )
        return accepted.job

    async def end(self, job: Job) -> None:
        """Its artifact is erased, too."""
        await cancel(self.database, job_id=job.id, tenant_id=self.tenant_id)
        await self.database.execute("UPDATE jobs SET artifact_erased_at = now() WHERE id = $1", job.id)

    async def an_hour_later(self) -> None:
        await self.database.execute("UPDATE bundles SET erasable_at = erasable_at - interval '1 hour'")

    async def erase(self) -> int:
        _, erased, _ = await rows.erase_due(self.database, delete=self.artifacts.delete_many, limit=10)
        return erased

    async def ids(self) -> set[UUID]:
        return {row["id"] for row in await self.database.fetch("SELECT id FROM bundles")}

    def files(self) -> list[Path]:
        return files_below(self.folder)


@pytest.fixture
def shelf(engines: Engines, database: Database, artifacts: Artifacts, tenant_id: UUID) -> Shelf:
    return Shelf(engines, database, artifacts, tenant_id)


@pytest.mark.parametrize(
    "files",
    [
        (MARKER,),
        (b"", MARKER, b""),
        (NOISE,),
        (NOISE[:-1], b"12"),
        (MARKER, NOISE, NOISE + MARKER),
    ],
)
async def test_what_was_written_is_read_and_shows_nowhere(shelf: Shelf, files: Sequence[bytes]) -> None:
    bundle, writer = await shelf.stored(*files)
    whole = b"".join(files)
    assert writer.total_bytes == len(whole)
    assert [file.size_bytes for file in writer.files.values()] == [len(file) for file in files]
    assert await shelf.read(bundle, len(whole)) == whole
    stored = [path.read_bytes() for path in shelf.files()]
    assert len(stored) == writer.pieces == -(-len(whole) // PIECE_BYTES)
    assert not [piece for piece in stored if MARKER in piece or NOISE[:64] in piece]


async def test_a_piece_that_was_changed_or_exchanged_is_not_read(shelf: Shelf, artifacts: Artifacts) -> None:
    bundle, _ = await shelf.stored(NOISE, NOISE)
    [first, second] = sorted(shelf.files())
    kept = first.read_bytes()
    for bad in (second.read_bytes(), kept[:-1] + bytes([kept[-1] ^ 1])):
        await artifacts.put(piece_key(shelf.tenant_id, bundle.id, 0), bad)
        with pytest.raises(UnsealError):
            await shelf.read(bundle, 2 * PIECE_BYTES)
    await artifacts.delete(piece_key(shelf.tenant_id, bundle.id, 0))
    with pytest.raises(UnavailableError) as caught:
        await shelf.read(bundle, 2 * PIECE_BYTES)
    assert caught.value.type is ErrorType.STORAGE_UNAVAILABLE


async def test_a_bundle_of_another_tenant_is_not_found(shelf: Shelf) -> None:
    bundle, _ = await shelf.stored(MARKER)
    with pytest.raises(UnsealError):
        await shelf.read(replace(bundle, tenant_id=uuid4()), len(MARKER))


async def test_an_upload_whose_job_was_never_accepted_goes_after_an_hour(shelf: Shelf) -> None:
    await shelf.stored(MARKER)
    assert await shelf.erase() == 0
    await shelf.an_hour_later()
    assert await shelf.erase() == 1
    assert (await shelf.ids(), shelf.files()) == (set(), [])


async def test_a_bundle_goes_with_the_last_of_its_jobs(shelf: Shelf, database: Database) -> None:
    bundle, _ = await shelf.stored(MARKER)
    job = await shelf.job(bundle)
    await shelf.an_hour_later()
    assert await shelf.erase() == 0
    await cancel(database, job_id=job.id, tenant_id=shelf.tenant_id)
    original = await retry.find_original(database, job_id=job.id, tenant_id=shelf.tenant_id)
    assert original is not None
    again = await retry.accept_retry(
        database, VAULT, tenant_id=shelf.tenant_id, original=original, request=REQUEST
    )
    await shelf.end(job)
    assert await shelf.erase() == 0
    assert await shelf.read(bundle, len(MARKER)) == MARKER
    await shelf.end(again.job)
    assert await shelf.erase() == 1
    assert (await shelf.ids(), shelf.files()) == (set(), [])
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="jobs_bundle"):
        await shelf.job(bundle)


async def test_what_is_discarded_is_gone_unless_a_job_has_it(shelf: Shelf, artifacts: Artifacts) -> None:
    """The call of the kept one has seen an error while its job was stored."""
    kept, writer = await shelf.stored(MARKER)
    await shelf.job(kept)
    other, _ = await shelf.stored(MARKER)
    for bundle in (kept, other):
        await rows.discard(shelf.database, bundle, pieces=writer.pieces, delete=artifacts.delete_many)
    assert await shelf.ids() == {kept.id}
    assert [path.parent.name for path in shelf.files()] == [str(kept.id)]


async def test_what_the_store_keeps_is_erased_later(shelf: Shelf) -> None:
    kept, writer = await shelf.stored(MARKER)
    other, _ = await shelf.stored(MARKER)
    await shelf.an_hour_later()

    async def refuse(keys: Sequence[str]) -> set[str]:
        return {key for key in keys if str(kept.id) in key}

    assert await rows.erase_due(shelf.database, delete=refuse, limit=10) == (2, 1, [kept.id])
    assert await rows.erase_due(shelf.database, delete=refuse, limit=10, refused=[kept.id]) == (0, 0, [])
    with pytest.raises(UnavailableError):
        await rows.discard(shelf.database, kept, pieces=writer.pieces, delete=refuse)
    assert await shelf.ids() == {kept.id}
    assert other.id not in await shelf.ids()
    assert await shelf.erase() == 1
