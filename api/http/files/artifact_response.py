"""An artifact as the answer to a call: streamed from the store, with one Range, ETag and conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from fastapi import Request
from starlette.responses import Response

from api.http.files.byte_ranges import (
    Span,
    UnsatisfiableRangeError,
    is_unmodified,
    requested_span,
)
from api.http.problems import RefusedError
from api.http.streaming import StreamedResponse
from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.errors import ErrorType
from fleet.jobs.job import Job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a job in the store.

    Attributes:
        key: in the store.
        content_type: media type.
        size_bytes: length.
        sha256: in hexadecimal.
        name: what it is, for messages.
        missing: the error of a call for it when the store does not have it.
    """

    key: str
    content_type: str
    size_bytes: int
    sha256: str
    name: str = "artifact"
    missing: ErrorType = ErrorType.NO_ARTIFACT


async def artifact_answer(
    request: Request, job: Job, store: Artifacts, *, headers: Mapping[str, str]
) -> Response:
    """The artifact of a job, which has one, or the part of it that the call asks for; see `file_answer`."""
    facts = job.artifact
    assert facts is not None, "the caller checks that there is an artifact"  # noqa: S101
    file = StoredFile(job.artifact_key or "", facts.content_type, facts.size_bytes, facts.sha256)
    return await file_answer(request, file, store, headers=headers)


async def file_answer(
    request: Request, file: StoredFile, store: Artifacts, *, headers: Mapping[str, str]
) -> Response:
    """A file, or the part of it that the call asks for.

    Args:
        request: the call. Ranges and conditions count in GET and HEAD, and have no meaning in a POST
            (RFC 9110, sections 13.1.2 and 14.2).
        file: what is answered with.
        store: has the file.
        headers: more headers of the answer.

    Raises:
        RefusedError: range_not_satisfiable, or `file.missing` if it was erased meanwhile.
        UnavailableError: S3 does not answer.
    """
    size, etag = file.size_bytes, f'"{file.sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", **headers}
    is_head, is_get = request.method == "HEAD", request.method == "GET"
    if (is_head or is_get) and is_unmodified(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        span = requested_span(request.headers, size=size, etag=etag) if is_get else None
    except UnsatisfiableRangeError:
        raise RefusedError(
            ErrorType.RANGE_NOT_SATISFIABLE,
            f"the {file.name} is {size:,} bytes long",
            headers={"Content-Range": f"bytes */{size}"},
        ) from None
    status = HTTPStatus.OK
    if span is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    span = span or Span(0, size - 1)
    headers |= {"Content-Length": str(span.length), "Content-Type": file.content_type}
    if is_head:
        return Response(status_code=status, headers=headers)
    chunks = store.read(file.key, first=span.first, last=span.last)
    try:
        return await StreamedResponse.begun(
            cast("AsyncGenerator[bytes, None]", chunks), status=status.value, headers=headers
        )
    except ArtifactMissingError:
        raise RefusedError(file.missing, f"the {file.name} was erased") from None
