"""API keys, for operators: make, list, read, revoke."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Operator
from api.http.json_answer import NO_STORE, json_answer
from api.http.path_ids import KEY, TENANT, KeyId, is_key_id
from api.http.problems import RefusedError, not_found
from api.openapi.operations.operators import CREATE_KEY
from api.openapi.operations.parts import problems
from api.routes.paging import PageParameters, unusable_cursor
from fleet.erasure import request as erasure
from fleet.errors import ErrorType
from fleet.telemetry.logs import get_logger
from fleet.tenants import api_keys, manage
from fleet.tenants.api_keys import ApiKey, Revocation, issue_key
from fleet.tenants.requests import KeyRequest
from fleet.tenants.tenant import Scope
from fleet.vault import enrol

log = get_logger(__name__)
router = APIRouter(prefix="/v1/admin/keys", tags=["admin"])


class KeyDocument(BaseModel):
    """A key without its secret."""

    id: str = Field(description="The part of the key that is not secret.", examples=["0a1b2c3d4e5f"])
    tenant_id: UUID = Field(description="The tenant that it belongs to.")
    tenant_name: str = Field(description="That tenant's name.")
    name: str = Field(description="The operator's name for it.")
    scopes: list[Scope] = Field(description="What it may do.")
    created_at: datetime = Field(description="When it was made.")
    last_used_at: datetime | None = Field(
        description="When it was last used, accurate to about a minute; null: never."
    )
    expires_at: datetime | None = Field(description="When it stops working; null: never.")
    revoked_at: datetime | None = Field(description="When it was revoked; null: it is not revoked.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """The document of a key."""
        return cls(
            id=key.id,
            tenant_id=key.tenant_id,
            tenant_name=key.tenant_name,
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )


class IssuedKeyDocument(KeyDocument):
    """A key that was just made, with its secret."""

    key: str = Field(
        description="The whole key; it is shown only in this answer.", examples=["rf_0a1b2c3d4e5f_…"]
    )


class KeyListDocument(BaseModel):
    """A page of keys, newest first."""

    keys: list[KeyDocument]
    next_cursor: str | None = Field(description="`cursor` for the next page; null on the last page.")


class KeyListParameters(PageParameters):
    """Parameters of listing keys."""

    tenant_id: UUID | None = Field(default=None, description="Only keys of this tenant.")

    @property
    def after(self) -> str | None:
        """The id of the last key of the previous page. Ids of keys are random, so they have no order.

        Raises:
            RefusedError: no list gives such a cursor.
        """
        if self.cursor is not None and not is_key_id(self.cursor):
            raise unusable_cursor()
        return self.cursor


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=IssuedKeyDocument,
    openapi_extra=CREATE_KEY,
    **problems(401, 403, 404, 413, 415, 422, 503),
)
async def create_key(request: Request, operator: Operator, dependencies: OpenDependencies) -> Response:
    """Make a key of a tenant. `key` is shown in this answer and never again. Needs the scope `admin`."""
    wanted = await dependencies.document(request, KeyRequest, operator)
    document = await make_key(dependencies, wanted, by_key_id=operator.key_id)
    headers = {**NO_STORE, "Location": f"/v1/admin/keys/{document.id}"}
    return json_answer(document, HTTPStatus.CREATED, headers)


async def make_key(dependencies: Dependencies, wanted: KeyRequest, *, by_key_id: str) -> IssuedKeyDocument:
    """Make a key; the document is the only one that has it whole.

    Raises:
        RefusedError: there is no such tenant.
    """
    is_erased = await erasure.read(dependencies.database, wanted.tenant_id) is not None
    if is_erased or await manage.get(dependencies.database, wanted.tenant_id) is None:
        raise not_found(TENANT)
    lifetime_s = wanted.expires_in_s
    await enrol(dependencies.database, dependencies.vault)  # because the key that checks its links is sealed
    async with dependencies.database.connection() as connection:
        issued = await issue_key(
            connection,
            tenant_id=wanted.tenant_id,
            name=wanted.name,
            scopes=wanted.scopes,
            expires_at=None if lifetime_s is None else datetime.now(UTC) + timedelta(seconds=lifetime_s),
            vault=dependencies.vault,
        )
    log.info("api key made", key_id=issued.id, scopes=sorted(wanted.scopes), by_key_id=by_key_id)
    known = KeyDocument.of(await _get(dependencies, issued.id))
    return IssuedKeyDocument(**known.model_dump(), key=issued.key)


@router.get("", response_model=KeyListDocument, **problems(401, 403, 422, 503))
async def list_keys(
    _operator: Operator, dependencies: OpenDependencies, parameters: Annotated[KeyListParameters, Query()]
) -> Response:
    """List the keys of all tenants or of one, newest first, revoked ones too. Needs the scope `admin`."""
    found = await api_keys.list_newest(
        dependencies.database,
        tenant_id=parameters.tenant_id,
        after=parameters.after,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda key: key.id)
    documents = [KeyDocument.of(key) for key in page.items]
    return json_answer(KeyListDocument(keys=documents, next_cursor=page.next_cursor))


@router.get("/{key_id}", response_model=KeyDocument, **problems(401, 403, 404, 422, 503))
async def read_key(_operator: Operator, key_id: KeyId, dependencies: OpenDependencies) -> Response:
    """Read a key, without its secret. Needs the scope `admin`."""
    return json_answer(KeyDocument.of(await _get(dependencies, key_id)))


@router.delete("/{key_id}", response_model=KeyDocument, **problems(401, 403, 404, 409, 422, 503))
async def revoke_key(operator: Operator, key_id: KeyId, dependencies: OpenDependencies) -> Response:
    """Revoke a key; repeating is safe. Needs the scope `admin`.

    The API process that answers refuses the key at once, the others within `API_KEY_CACHE_S`. Open waits and
    event streams of the key end at once there, and within about a second elsewhere. Jobs go on. The last
    working key with the scope `admin` is not revoked (409): make another one first.
    """
    return json_answer(await end_key(dependencies, key_id, by_key_id=operator.key_id))


async def end_key(dependencies: Dependencies, key_id: str, *, by_key_id: str) -> KeyDocument:
    """Revoke a key, here at once.

    Raises:
        RefusedError: there is no such key, or it is the last one of an operator.
    """
    async with dependencies.database.connection() as connection:
        outcome = await api_keys.revoke(connection, key_id, spares_last_admin=True)
    if outcome is Revocation.LAST_ADMIN:
        raise RefusedError(
            ErrorType.LAST_ADMIN_KEY,
            "no other key with the scope `admin` works; make one first, or use `python -m fleet.keys revoke`",
        )
    if outcome is Revocation.REVOKED:
        dependencies.forget_keys()
        dependencies.waiters.shut_out(key_id)
        log.info("api key revoked", key_id=key_id, by_key_id=by_key_id)
    return KeyDocument.of(await _get(dependencies, key_id))


async def _get(dependencies: Dependencies, key_id: str) -> ApiKey:
    found = await api_keys.get(dependencies.database, key_id)
    if found is None:
        raise not_found(KEY)
    return found
