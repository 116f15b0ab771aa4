"""What the routes stand on, opened once for each process, and how a route gets at it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from arq.connections import ArqRedis
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, model_validator

from api.auth import Authenticator
from api.gauges import FleetGauges
from api.handover import Handover
from api.problems import RefusedError, refuse_unknown_parameters
from api.quotas import Quotas
from api.settings import ApiSettings
from api.waiters import Waiters
from fleet.artifacts import Artifacts
from fleet.database import Pool
from fleet.documents import SignedAddress
from fleet.errors import ErrorType
from fleet.jobs import Job, get
from fleet.probes import Probes
from fleet.settings import (
    DatabaseSettings,
    EgressSettings,
    RedisSettings,
    StorageSettings,
    TenantSettings,
)
from fleet.tenants import Scope, Tenant


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an API process."""

    api: ApiSettings
    database: DatabaseSettings
    redis: RedisSettings
    storage: StorageSettings
    egress: EgressSettings
    tenant: TenantSettings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Open connections and what is built on them.

    Attributes:
        validation: context for the validation of a RenderRequest: the rules for addresses.
    """

    settings: Settings
    pool: Pool
    redis: ArqRedis
    artifacts: Artifacts
    authenticator: Authenticator
    waiters: Waiters
    probes: Probes
    gauges: FleetGauges
    quotas: Quotas
    handover: Handover
    validation: Mapping[str, Any]

    def sign(self, job: Job) -> SignedAddress | None:
        """A presigned address of the job's artifact, if it has one. Takes 0.2 ms and no network."""
        return self.artifacts.sign(job)

    async def job_of(self, tenant: Tenant, job_id: UUID) -> Job:
        """A job of this tenant.

        Raises:
            RefusedError: not_found, also for the job of somebody else.
            UnavailableError: Postgres does not answer.
        """
        job = await get(self.pool, job_id=job_id, tenant_id=tenant.id)
        if job is None:
            raise RefusedError(ErrorType.NOT_FOUND, "there is no such job, or it is not yours")
        return job


def dependencies_of(request: Request) -> Dependencies:
    """The dependencies that the lifespan opened."""
    return cast("Dependencies", request.app.state.dependencies)


async def _reader(request: Request) -> Tenant:
    return await dependencies_of(request).authenticator.tenant(request.headers, Scope.READ)


async def _renderer(request: Request) -> Tenant:
    return await dependencies_of(request).authenticator.tenant(request.headers, Scope.RENDER)


async def _operator(request: Request) -> Tenant:
    return await dependencies_of(request).authenticator.tenant(request.headers, Scope.ADMIN)


def _job_id(job_id: str) -> UUID:
    try:
        return uuid.UUID(job_id)
    except ValueError:
        raise RefusedError(ErrorType.NOT_FOUND, "there is no such job: the id is no UUID") from None


OpenDependencies = Annotated[Dependencies, Depends(dependencies_of)]
Reader = Annotated[Tenant, Depends(_reader)]
Renderer = Annotated[Tenant, Depends(_renderer)]
Operator = Annotated[Tenant, Depends(_operator)]
JobId = Annotated[UUID, Depends(_job_id)]


class Parameters(BaseModel):
    """Base of query parameters. An unknown one is refused: a typo must not silently mean something else."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        refuse_unknown_parameters(values, allowed=cls.model_fields)
        return values
