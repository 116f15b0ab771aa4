"""Comparisons of the pictures of two jobs, made when somebody asks for one, in a process with limits.

Not by a worker: nobody asks a worker but through the queue, and a caller who looks at two pictures is not to
wait behind renders. Not in a thread of the API: the pictures are a stranger's, and two of them take 290 MB.
One comparison is made at a time in each API process.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from api.http.problems import RefusedError
from fleet.artifacts.keys import SignedAddress
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.comparisons import rows
from fleet.comparisons.document import ComparisonDocument, answer_of
from fleet.comparisons.rows import PictureOfJob, StoredComparison
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.job import Job
from fleet.pictures.compare import IncomparableError, compare
from fleet.pictures.options import ComparisonOptions

# As for small pictures (thumbnails.py): the memory of one comparison is at most 290 MB then.
MAX_PIXELS: Final = {
    "image/png": 20_000_000,
    "image/jpeg": 20_000_000,
    "image/webp": 8_000_000,
    "image/avif": 8_000_000,
}
MAX_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Two jobs whose artifacts were there a moment ago.

    Attributes:
        one: the job of the older picture, `with` of the call.
        other: the job of the newer picture, that of the call's path.
    """

    one: Job
    other: Job

    def named(self) -> tuple[tuple[Job, str], tuple[Job, str]]:
        """Both, each with what a caller calls it."""
        return (self.one, "the artifact of `with`"), (self.other, "the artifact of this job")


@dataclass(frozen=True, slots=True)
class FoundComparison:
    """A comparison that was made.

    Attributes:
        picture_key: where the difference picture is in the store, if there is one.
        answer: what was found; see `fleet.comparisons.document.answer_of`.
    """

    picture_key: str
    answer: dict[str, Any]


class Comparisons:
    """Makes the comparisons of one API process."""

    def __init__(self, database: Database, store: Artifacts) -> None:
        self._database = database
        self._store = store
        self._turn = asyncio.Lock()

    async def compare(self, pair: Pair, options: ComparisonOptions, *, tenant_id: UUID) -> ComparisonDocument:
        """How two pictures differ. Who asks the same again gets the same answer, without the work.

        Raises:
            RefusedError: not_comparable, or artifact_expired if one was erased meanwhile.
            UnavailableError: Postgres or S3 does not answer.
        """
        found = await self.find(pair, options, tenant_id=tenant_id)
        address = self.sign(found.picture_key) if found.answer["difference"] else None
        return ComparisonDocument.of(found.answer, options, with_id=pair.one.id, address=address)

    async def find(self, pair: Pair, options: ComparisonOptions, *, tenant_id: UUID) -> FoundComparison:
        """What is known of how two pictures differ, and where the difference picture is; as `compare`."""
        for job, name in pair.named():
            _require_comparable(job, name)
        question = rows.question_of(
            _picture(pair.one), _picture(pair.other), method=options.method, ignored=options.ignore_regions
        )
        async with self._turn:
            found = await rows.begin(
                self._database,
                tenant_id=tenant_id,
                job_id=pair.other.id,
                with_id=pair.one.id,
                question=question,
            )
            if found is None:
                raise _erased()
            return FoundComparison(found.picture_key, found.answer or await self._make(pair, options, found))

    async def _make(self, pair: Pair, options: ComparisonOptions, found: StoredComparison) -> dict[str, Any]:
        pictures = [await self._read(job) for job in (pair.one, pair.other)]
        try:
            compared = await compare(*pictures, method=options.method, ignored=options.ignore_regions)
        except IncomparableError as error:
            name = "the pictures" if error.number is None else pair.named()[error.number][1]
            raise RefusedError(ErrorType.NOT_COMPARABLE, f"{name}: {error}") from None
        if compared.image:
            await self._store.put(found.picture_key, compared.image)
        answer = answer_of(compared)
        if not await rows.finish(
            self._database, found, job_id=pair.other.id, with_id=pair.one.id, answer=answer
        ):
            await self._store.delete(found.picture_key)
            raise _erased()
        return answer

    async def _read(self, job: Job) -> bytes:
        assert job.artifact is not None, "it was checked"  # noqa: S101
        last = job.artifact.size_bytes - 1
        try:
            return b"".join(
                [piece async for piece in self._store.read(job.artifact_key or "", first=0, last=last)]
            )
        except ArtifactMissingError:
            raise _erased() from None

    def sign(self, key: str) -> SignedAddress:
        """A presigned address of a difference picture."""
        name = key.rpartition("/")[2]
        return self._store.sign(key, content_type="image/png", disposition=f'inline; filename="{name}"')


def _picture(job: Job) -> PictureOfJob:
    assert job.artifact is not None, "it was checked"  # noqa: S101
    return PictureOfJob(job.id, job.artifact.sha256)


def _erased() -> RefusedError:
    return RefusedError(ErrorType.ARTIFACT_EXPIRED, "one of the artifacts was erased meanwhile")


def _require_comparable(job: Job, name: str) -> None:
    """Do nothing if an artifact is a picture that is not too large.

    Raises:
        RefusedError: not_comparable.
    """
    facts = job.artifact
    assert facts is not None, "the caller checks that there is an artifact"  # noqa: S101
    most = MAX_PIXELS.get(facts.content_type)
    if most is None:
        kinds = ", ".join(kind.removeprefix("image/") for kind in MAX_PIXELS)
        detail = f"{name} is {facts.content_type.partition(';')[0]}; only {kinds} can be compared"
        raise RefusedError(ErrorType.NOT_COMPARABLE, detail)
    pixels = (facts.width_px or 0) * (facts.height_px or 0)
    if not 0 < pixels <= most:
        kind = facts.content_type.removeprefix("image/")
        detail = f"{name} has {pixels:,} pixels; a {kind} with at most {most:,} can be compared"
        raise RefusedError(ErrorType.NOT_COMPARABLE, detail)
    if facts.size_bytes > MAX_BYTES:
        detail = f"{name} is {facts.size_bytes:,} bytes long; at most {MAX_BYTES:,} can be compared"
        raise RefusedError(ErrorType.NOT_COMPARABLE, detail)
