"""Stores artifacts in S3 and reads them, with a limit on the memory that this takes.

boto3 is synchronous, so it runs in a pool of four threads. That is as fast as an asyncio client was here, and
blocks the event loop half as long. A file is uploaded from disk in parts of 8 MiB, without boto3's own
threads: with a file of 300 MB the process did not grow, with `upload_fileobj` of a stream it grew by 125 MB.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypedDict, TypeVar

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from fleet.artifacts.keys import SignedAddress, is_artifact_key
from fleet.artifacts.s3_client import make_client, session_of_process
from fleet.artifacts.settings import StorageSettings
from fleet.errors import ErrorType, UnavailableError
from fleet.telemetry.logs import get_logger

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

T = TypeVar("T")
_MIB: Final = 1024 * 1024
_THREADS: Final = 4
_CHUNK_BYTES: Final = 256 * 1024
_PART_BYTES: Final = 8 * _MIB
_TRANSFER: Final = TransferConfig(
    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False
)
_KEYS_PER_CALL: Final = 1000  # S3's limit for one DeleteObjects
log = get_logger(__name__)


class _Encryption(TypedDict, total=False):
    """Parameters of the S3 API for encryption (`x-amz-server-side-encryption`)."""

    ServerSideEncryption: Literal["AES256", "aws:kms"]
    SSEKMSKeyId: str


class ArtifactMissingError(Exception):
    """The store has no object with this key."""


class Artifacts:
    """Artifacts in one bucket. Many tasks may use it at once; `close` it at the end."""

    def __init__(self, settings: StorageSettings) -> None:
        self._bucket = settings.s3_bucket
        self._url_expires_s = settings.artifact_url_expires_s
        self._encryption = _encryption(settings)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")
        session = session_of_process()
        self._client = make_client(session, settings, settings.s3_endpoint_url, connections=_THREADS)
        self._public_client = (
            make_client(session, settings, settings.s3_public_endpoint_url, connections=_THREADS)
            if settings.s3_public_endpoint_url
            else self._client
        )

    async def upload(self, path: Path, key: str, *, content_type: str) -> None:
        """Store a file, in parts when it is larger than 8 MiB.

        Raises:
            UnavailableError: S3 refused the file or does not answer. Parts that were uploaded are deleted.
        """
        await self._run(lambda: self._upload(path, key, content_type))

    def _upload(self, path: Path, key: str, content_type: str) -> None:
        if path.stat().st_size >= _PART_BYTES:
            extra = {"ContentType": content_type, **self._encryption}
            self._client.upload_file(str(path), self._bucket, key, ExtraArgs=extra, Config=_TRANSFER)
            return
        # Most files are small: one request, without boto3's transfer manager.
        with path.open("rb") as body:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **self._encryption
            )

    async def put(self, key: str, body: bytes) -> None:
        """Store some bytes that are in memory, such as a piece of a bundle.

        Raises:
            UnavailableError: S3 refused them or does not answer.
        """
        await self._run(
            lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **self._encryption)
        )

    async def get(self, key: str) -> bytes:
        """A whole small object, in one request.

        Raises:
            ArtifactMissingError: there is no such object.
            UnavailableError: S3 does not answer.
        """
        return await self._run(lambda: self._read_whole(key))

    def _read_whole(self, key: str) -> bytes:
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            return body.read()
        finally:
            body.close()

    async def delete(self, key: str) -> None:
        """Delete an artifact; do nothing if it does not exist.

        Raises:
            UnavailableError: S3 does not answer.
        """
        await self._run(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    async def delete_many(self, keys: Sequence[str]) -> set[str]:
        """Delete objects, up to a thousand per request. Returns the keys that the store did not delete.

        Raises:
            UnavailableError: S3 does not answer, or refuses a whole request.
        """
        kept: set[str] = set()
        for start in range(0, len(keys), _KEYS_PER_CALL):
            kept |= await self._run(partial(self._delete_some, keys[start : start + _KEYS_PER_CALL]))
        return kept

    def _delete_some(self, keys: Sequence[str]) -> set[str]:
        answer = self._client.delete_objects(
            Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        errors = answer.get("Errors", [])
        if errors:
            log.warning("the store did not delete objects", objects=len(errors), code=errors[0].get("Code"))
        return {error["Key"] for error in errors}

    async def delete_below(self, prefix: str) -> tuple[int, int]:
        """Delete up to a thousand objects whose keys begin with `prefix`; if there are none, abort uploads.

        These are the unfinished uploads whose keys begin with `prefix`. Call this again until nothing was
        deleted or aborted.

        Returns:
            How many were deleted or aborted, and how many objects the store has kept.

        Raises:
            UnavailableError: S3 does not answer, or does not allow listing.
        """
        return await self._run(lambda: self._delete_below(prefix))

    def _delete_below(self, prefix: str) -> tuple[int, int]:
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=_KEYS_PER_CALL)
        keys = [found["Key"] for found in page.get("Contents", [])]
        if keys:
            kept = self._delete_some(keys)
            return len(keys) - len(kept), len(kept)
        return self._abort_uploads(timedelta(), prefix=prefix), 0

    async def abort_uploads(self, *, age: timedelta) -> int:
        """Abort uploads of artifacts that began longer ago than `age` and never ended. Returns how many.

        The age is measured by the store's clock. Uploads of other programs to the same bucket are left alone.

        Raises:
            UnavailableError: S3 does not answer, or does not allow listing uploads.
        """
        return await self._run(lambda: self._abort_uploads(age))

    def _abort_uploads(self, age: timedelta, prefix: str = "") -> int:
        count = 0
        # rclone raises this if there never was an upload; other servers, if another worker has aborted it.
        with suppress(self._client.exceptions.NoSuchUpload):
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for upload in page.get("Uploads", []):
                    key, began_at = upload["Key"], upload["Initiated"]
                    if is_artifact_key(key) and key.startswith(prefix) and began_at <= now - age:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket, Key=key, UploadId=upload["UploadId"]
                        )
                        count += 1
        return count

    def presign(self, key: str, *, content_type: str, disposition: str) -> str:
        """Make an address at which anyone can read the artifact for `ARTIFACT_URL_EXPIRES_S` seconds.

        It is computed here, without a request to the store.

        Args:
            key: of the artifact.
            content_type: that the store's answer has.
            disposition: its `Content-Disposition`.
        """
        return self._public_client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": disposition,
            },
            ExpiresIn=self._url_expires_s,
        )

    def sign(self, key: str, *, content_type: str, disposition: str) -> SignedAddress:
        """As `presign`, with the time until which the address is valid. Takes 0.2 ms."""
        expires_at = datetime.now(UTC) + timedelta(seconds=self._url_expires_s)
        return SignedAddress(
            self.presign(key, content_type=content_type, disposition=disposition), expires_at
        )

    async def download(self, key: str, path: Path, *, size_bytes: int) -> None:
        """Write a whole artifact into a file.

        Raises:
            ArtifactMissingError: there is no such object.
            UnavailableError: S3 does not answer, or does not have all of it.
        """
        await self._run(lambda: self._download(key, path))
        if path.stat().st_size != size_bytes:  # noqa: ASYNC240 - it takes microseconds
            raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the artifact is incomplete")

    def _download(self, key: str, path: Path) -> None:
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(body, file, _CHUNK_BYTES)
        finally:
            body.close()

    async def read(self, key: str, *, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `first` to `last`, both included, also from a server that ignores Range.

        Raises:
            ArtifactMissingError: there is no such object; raised before the first chunk.
            UnavailableError: S3 does not answer.
        """
        answer = await self._run(lambda: self._open(key, first, last))
        body = answer["Body"]
        # Some servers ignore Range and send the whole object. rclone sends the range, but with status 200. So
        # the length tells which of the two it is, not the status.
        skip = 0 if answer["ContentLength"] == last - first + 1 else first
        left = last - first + 1
        try:
            while left > 0:
                chunk = await self._run(lambda: body.read(_CHUNK_BYTES))
                if not chunk:
                    raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the artifact is incomplete")
                wanted = chunk[skip : skip + left]
                skip = max(0, skip - len(chunk))
                left -= len(wanted)
                if wanted:
                    yield wanted
        finally:
            body.close()

    def _open(self, key: str, first: int, last: int) -> "GetObjectOutputTypeDef":
        return self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={first}-{last}")

    async def check(self) -> None:
        """Check that the bucket exists.

        Raises:
            UnavailableError: it does not exist, or the store does not answer.
        """
        await self._run(lambda: self._client.head_bucket(Bucket=self._bucket))

    def close(self) -> None:
        """Wait for running transfers, and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._client.close()
        self._public_client.close()

    async def _run(self, call: Callable[[], T]) -> T:
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _encryption(settings: StorageSettings) -> _Encryption:
    """The encryption that each upload asks for: the bucket's default may be a weaker one."""
    wanted: _Encryption = {}
    if settings.s3_sse == "AES256":
        wanted["ServerSideEncryption"] = "AES256"
    elif settings.s3_sse:
        wanted["ServerSideEncryption"] = "aws:kms"
        if settings.s3_sse_kms_key_id:
            wanted["SSEKMSKeyId"] = settings.s3_sse_kms_key_id
    return wanted


@contextmanager
def _translated() -> Iterator[None]:
    """Raise errors of S3 and of the way to it as ours."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
            raise ArtifactMissingError from error
        raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the store refused the request") from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the store does not answer") from error
