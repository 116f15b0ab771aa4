"""A job whose files come with it, as multipart/form-data: the part `request`, and a part for each file.

The files go into the store while they arrive, a piece at a time. Whatever goes wrong before a job refers to
them, they are taken away again: here, or an hour later by a worker (`fleet/bundles/rows.py`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from api.dependencies import Dependencies
from api.http.multipart import PartEnd, PartHead, read_parts, too_large
from api.http.problems import RefusedError, refused_field, refused_input
from fleet.bundles import rows
from fleet.bundles.rows import StoredBundle
from fleet.bundles.transfer import BundleWriter
from fleet.errors import ErrorType, UnavailableError
from fleet.render.files import MAX_FILES, UPLOADS_CONTEXT, name_error, set_error, shown
from fleet.render.request import RenderRequest
from fleet.render.sealed import joined
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

_REQUEST: Final = "request"
# Heads of parts and boundaries: a part of a thousand has 200 bytes of them, and its name.
_BYTES_AROUND: Final = 1024 * MAX_FILES

log = get_logger(__name__)


@dataclass(slots=True)
class Upload:
    """What has been uploaded.

    Attributes:
        render: the request, with its files.
        bundle_id: where the files are.
        is_kept: set when a job refers to them.
    """

    render: RenderRequest
    bundle_id: UUID
    is_kept: bool = False


@asynccontextmanager
async def uploaded(
    request: Request, dependencies: Dependencies, tenant: Tenant, model: type[RenderRequest]
) -> AsyncIterator[Upload]:
    """Take the files of a call. They are erased at the end of the block unless `is_kept` was set.

    Args:
        request: the call; its body is read here.
        dependencies: of this process.
        tenant: whose files they are.
        model: of the request.

    Raises:
        RefusedError: the body is malformed or too large, or something of it is not allowed.
        UnavailableError: Postgres or the store does not answer.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    bundle = await rows.begin(dependencies.database, dependencies.vault, tenant_id=tenant.id)
    writer = BundleWriter(dependencies.artifacts, bundle)
    upload = None
    try:
        request_json = await _receive(request, dependencies, writer)
        render = _validated(request_json, writer, dependencies, tenant, model)
        await writer.close()
        upload = Upload(render, bundle.id)
        yield upload
    finally:
        if upload is None or not upload.is_kept:
            await _discard(dependencies, bundle, writer.pieces)


async def _receive(request: Request, dependencies: Dependencies, writer: BundleWriter) -> bytes:
    """Store the files; returns the part `request`."""
    settings = dependencies.settings.api
    max_bytes = settings.api_max_files_bytes
    request_json: bytearray | None = None
    name: str | None = None
    parts = read_parts(
        request,
        max_bytes=max_bytes + settings.api_max_body_bytes + _BYTES_AROUND,
        timeout_s=settings.api_files_timeout_s,
    )
    async for part in parts:
        match part:
            case PartHead(name=field) if field == _REQUEST:
                if request_json is not None:
                    raise refused_field(_REQUEST, "is there twice")
                request_json, name = bytearray(), None
            case PartHead():
                name = _file_name(part, writer)
            case PartEnd() if name is not None:
                writer.end_file(name)
            case bytes() if name is not None:
                if writer.total_bytes + len(part) > max_bytes:
                    raise too_large(max_bytes)
                await writer.write(part)
            case bytes() if request_json is not None:
                request_json += part
                if len(request_json) > settings.api_max_body_bytes:
                    detail = f"`{_REQUEST}` may be {settings.api_max_body_bytes:,} bytes long at most"
                    raise RefusedError(ErrorType.BODY_TOO_LARGE, detail)
    return bytes(request_json or b"{}")


def _file_name(part: PartHead, writer: BundleWriter) -> str:
    """The name of a file, if it may have it.

    Raises:
        RefusedError: it may not.
    """
    if part.file_name is None:
        allowed = "`request`, and files, which have a file name"
        raise refused_field(shown(part.name), "is neither `request` nor a file", allowed=allowed)
    # curl's `-F css/main.css=@css/main.css` sends the path as the part's name, and `main.css` as the file's.
    name = part.name if part.name.endswith(f"/{part.file_name}") else part.file_name
    if (error := name_error(name)) is not None:
        raise refused_field(f"files.{shown(name)}", error)
    if name in writer.files:
        raise refused_field(f"files.{shown(name)}", "is there twice")
    if len(writer.files) >= MAX_FILES:
        raise refused_field("files", f"has more than {MAX_FILES:,} files", allowed=f"at most {MAX_FILES:,}")
    return name


def _validated(
    request_json: bytes,
    writer: BundleWriter,
    dependencies: Dependencies,
    tenant: Tenant,
    model: type[RenderRequest],
) -> RenderRequest:
    """The request, with its files by name.

    Raises:
        RefusedError: it is not valid.
    """
    if (error := set_error(writer.files, writer.total_bytes)) is not None:
        raise refused_field("files", error)
    try:
        document = from_json(request_json)
    except ValueError as error:
        raise refused_field(_REQUEST, f"is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise refused_field(_REQUEST, "must be a JSON object")
    if "files" in document:
        raise refused_field("files", "come as parts of the body; `request` cannot have some too")
    whole = joined(request_json.decode().strip(), to_json({"files": writer.files}).decode())
    context = {**dependencies.validation_for(tenant), UPLOADS_CONTEXT: True}
    try:
        return model.model_validate_json(whole, context=context)
    except ValidationError as error:
        raise refused_input(error, model) from None


async def _discard(dependencies: Dependencies, bundle: StoredBundle, pieces: int) -> None:
    """Erase what nobody needs. If that does not work now, a worker does it later."""
    delete = dependencies.artifacts.delete_many
    try:
        await rows.discard(dependencies.database, bundle, pieces=pieces, delete=delete)
    except UnavailableError as error:
        log.warning("an upload is erased later", bundle_id=str(bundle.id), error=repr(error.__cause__))
