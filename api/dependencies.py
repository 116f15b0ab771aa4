"""What the routes need, opened once for each process, and how a route gets it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Self, TypeVar, cast, get_type_hints
from uuid import UUID

from arq.connections import ArqRedis
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from api.access.authenticate import Authenticator, may, require
from api.access.link_keys import LinkKeys
from api.access.quota import Quotas
from api.access.rate_limit import Rates
from api.http.noted_caller import note_caller
from api.http.path_ids import JOB
from api.http.problems import not_found, refuse_unknown_parameters
from api.http.request_body import BodyLimits, read_document
from api.jobs.change_ticks import ChangeTicks
from api.jobs.comparisons import Comparisons
from api.jobs.dispatch import Handover
from api.jobs.gauges import FleetGauges
from api.jobs.named_locks import NamedLocks
from api.jobs.tenant_feed import TenantFeed
from api.jobs.thumbnails import Thumbnails
from api.jobs.waiters import Waiters
from api.settings import ApiSettings, LinkSettings
from fleet.artifacts.keys import SignedAddress
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.capacity.cached import CachedDemand
from fleet.database import Database, DatabaseSettings
from fleet.egress.policy import AddressPolicy
from fleet.egress.settings import EgressSettings
from fleet.jobs.create.inserts import Inserts
from fleet.jobs.document.job import JobDocument
from fleet.jobs.files.artifact import signed_artifact
from fleet.jobs.files.evidence import signed_evidence
from fleet.jobs.job import Job
from fleet.jobs.read import get
from fleet.queue.settings import RedisSettings
from fleet.render.options.source import EGRESS_CONTEXT
from fleet.settings import DataSettings, load_settings
from fleet.telemetry.probes import Probes
from fleet.telemetry.traces.settings import TraceSettings
from fleet.tenants.settings import TenantSettings
from fleet.tenants.tenant import Scope, Tenant
from fleet.vault import Vault
from fleet.vault.settings import SecretSettings

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an API process."""

    api: ApiSettings
    links: LinkSettings
    data: DataSettings
    database: DatabaseSettings
    redis: RedisSettings
    secrets: SecretSettings
    storage: StorageSettings
    egress: EgressSettings
    tenant: TenantSettings
    traces: TraceSettings

    @classmethod
    def load(cls) -> Self:
        """Read the environment.

        Raises:
            fleet.settings.SettingsError: a setting is missing or wrong.
        """
        return cls(
            api=load_settings(ApiSettings),
            links=load_settings(LinkSettings),
            data=load_settings(DataSettings),
            database=load_settings(DatabaseSettings),
            redis=load_settings(RedisSettings),
            secrets=load_settings(SecretSettings),
            storage=load_settings(StorageSettings),
            egress=load_settings(EgressSettings),
            tenant=load_settings(TenantSettings),
            traces=load_settings(TraceSettings),
        )


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Open connections, and the objects that use them.

    Attributes:
        link_locks: let loads of the same signed link make one job, not several.
        waiters: calls that wait for jobs.
        feed: tells of the changes of all jobs of a tenant.
        ticks: tells open pages of the dashboard that something may have changed.
        demand: the jobs that have not ended, as they were counted last.
        inserts: store the jobs of calls that come at the same time together.
        handover: puts accepted jobs into Redis.
        policy: the addresses that jobs may reach; a tenant can have lists of its own besides.
    """

    settings: Settings
    database: Database
    vault: Vault
    redis: ArqRedis
    artifacts: Artifacts
    authenticator: Authenticator
    link_keys: LinkKeys
    link_locks: NamedLocks
    waiters: Waiters
    feed: TenantFeed
    ticks: ChangeTicks
    probes: Probes
    demand: CachedDemand
    gauges: FleetGauges
    rates: Rates
    quotas: Quotas
    inserts: Inserts
    handover: Handover
    thumbnails: Thumbnails
    comparisons: Comparisons
    policy: AddressPolicy

    def sign(self, job: Job) -> SignedAddress | None:
        """A presigned address of the job's artifact, if it has one. Takes 0.2 ms and no network."""
        return signed_artifact(self.artifacts, job)

    def job_document(self, job: Job) -> JobDocument:
        """The document of a job, with the presigned addresses of its files."""
        return JobDocument.of(job, self.sign(job), signed_evidence(self.artifacts, job))

    async def caller(self, request: Request, needed: Scope | None) -> Tenant:
        """The tenant that makes this call. Refuses unknown parameters, missing scopes and too many calls.

        Without a `needed` scope, any working key may make it.

        Every call counts against the tenant's limit, also one that is refused afterwards. Calls of an
        operator do not count: who has to stop a flood of calls must not be refused because of it.

        Raises:
            RefusedError: unauthorized, rate_limited, forbidden or invalid_request.
            UnavailableError: the key is not remembered and Postgres does not answer.
        """
        tenant = await self.authenticator.tenant(request.headers)
        note_caller(request.scope, tenant)
        if needed is not Scope.ADMIN or not may(tenant, needed):
            await self.rates.admit(request.scope, tenant)
        if needed is not None:
            require(tenant, needed)
        if request.scope["query_string"]:
            refuse_unknown_parameters(request.query_params, allowed=_parameters_of(request.scope["endpoint"]))
        return tenant

    def forget_keys(self) -> None:
        """Read all keys and tenants from Postgres again, because one of them has changed."""
        self.authenticator.forget_all()
        self.link_keys.forget_all()

    def policy_for(self, tenant: Tenant) -> AddressPolicy:
        """The addresses that this tenant's jobs may reach."""
        if not (tenant.egress_allow or tenant.egress_deny):
            return self.policy
        return self.policy.for_tenant(tenant.egress_allow, tenant.egress_deny)

    def validation_for(self, tenant: Tenant) -> dict[str, Any]:
        """Context for the validation of a RenderRequest: the rules for this tenant's addresses."""
        return {EGRESS_CONTEXT: self.policy_for(tenant)}

    async def document(self, request: Request, model: type[ModelT], tenant: Tenant) -> ModelT:
        """The body of a call as this model. Its addresses are checked by the rules for the tenant.

        Raises:
            RefusedError: it is too large, not JSON, or not valid.
            starlette.requests.ClientDisconnect: the caller went away.
        """
        return await read_document(request, model, self.body_limits, context=self.validation_for(tenant))

    @property
    def body_limits(self) -> BodyLimits:
        """The limits of a body with one request."""
        settings = self.settings.api
        return BodyLimits.of_one(max_bytes=settings.api_max_body_bytes, timeout_s=settings.api_body_timeout_s)

    async def job_of(self, tenant: Tenant, job_id: UUID) -> Job:
        """A job of this tenant.

        Raises:
            RefusedError: not_found, also for the job of another tenant.
        """
        job = await get(self.database, job_id=job_id, tenant_id=tenant.id)
        if job is None:
            raise not_found(JOB)
        return job


def dependencies_of(request: Request) -> Dependencies:
    """The dependencies that the lifespan opened."""
    return cast("Dependencies", request.app.state.dependencies)


# A coroutine, because FastAPI runs other functions in a thread, which takes longer than the function itself.
async def _open_dependencies(request: Request) -> Dependencies:
    return dependencies_of(request)


async def _caller(request: Request) -> Tenant:
    return await dependencies_of(request).caller(request, needed=None)


async def _reader(request: Request) -> Tenant:
    return await dependencies_of(request).caller(request, Scope.READ)


async def _renderer(request: Request) -> Tenant:
    return await dependencies_of(request).caller(request, Scope.RENDER)


async def _operator(request: Request) -> Tenant:
    return await dependencies_of(request).caller(request, Scope.ADMIN)


OpenDependencies = Annotated[Dependencies, Depends(_open_dependencies)]
Caller = Annotated[Tenant, Depends(_caller)]
Reader = Annotated[Tenant, Depends(_reader)]
Renderer = Annotated[Tenant, Depends(_renderer)]
Operator = Annotated[Tenant, Depends(_operator)]


class Parameters(BaseModel):
    """Base of query parameters. A route takes the fields of its `Parameters` and no others.

    `Dependencies.caller` refuses the others: a typing error such as `stat=failed` must not mean "no filter".
    """

    model_config = ConfigDict(frozen=True)


@cache
def _parameters_of(endpoint: Callable[..., Any]) -> frozenset[str]:
    """The names of the query parameters that a route takes."""
    types = [hint for hint in get_type_hints(endpoint).values() if isinstance(hint, type)]
    models = [model for model in types if issubclass(model, Parameters)]
    return frozenset(name for model in models for name in model.model_fields)
