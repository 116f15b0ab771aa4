"""The API: builds the application, and opens what its routes need.

`python -m uvicorn --factory api.main:create_app --loop uvloop --http httptools --no-access-log`
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from http import HTTPStatus
from types import FrameType
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from api.access.authenticate import Authenticator
from api.access.link_keys import LinkKeys
from api.access.quota import Quotas
from api.access.rate_limit import Rates
from api.dependencies import Dependencies, Settings
from api.http.problems import (
    RefusedError,
    problem_response,
    refused_parameters,
)
from api.http.streaming import LingeringResponse
from api.jobs.change_ticks import MAX_STREAMS, ChangeTicks
from api.jobs.comparisons import Comparisons
from api.jobs.dispatch import Handover
from api.jobs.gauges import FleetGauges
from api.jobs.named_locks import NamedLocks
from api.jobs.tenant_feed import TenantFeed
from api.jobs.thumbnails import Thumbnails
from api.jobs.waiters import Waiters
from api.openapi.document import DESCRIPTION, openapi_document
from api.routes import (
    docs,
    fleet,
    health,
    history,
    links,
    me,
    renders,
    root,
    schedules,
    tenant_events,
    webhooks,
)
from api.routes.admin import erasure, keys, tenants
from api.routes.jobs import compare, deliveries, jobs, move
from api.routes.jobs.create import batch, retry
from api.routes.jobs.files import artifact, evidence, thumbnail
from api.routes.jobs.reading import attempts, events
from api.server.call_log import CallLog
from api.server.cors import allow_origins
from api.server.file_descriptors import raise_descriptor_limit
from api.server.host_check import HostCheck, HostNames
from api.server.plain_start import PlainStart
from api.server.traced_calls import TracedCalls
from fleet import VERSION
from fleet.artifacts.store import Artifacts
from fleet.capacity.cached import CachedDemand
from fleet.connection_count import check_connections
from fleet.database import Database, DatabaseSettings
from fleet.database_errors import in_words
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, OperatorError, RenderfleetError, UnavailableError
from fleet.jobs.create.inserts import Inserts
from fleet.jobs.read import check_schema
from fleet.queue import arq_adapter
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, configure_logs, get_logger
from fleet.telemetry.probes import Probes
from fleet.telemetry.traces import start_traces, stop_traces
from fleet.vault import Vault, enrol

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# In the order in which the manual lists their calls.
_ROUTERS: Final = (
    jobs.router,
    batch.router,
    retry.router,
    move.router,
    attempts.router,
    events.router,
    artifact.router,
    evidence.router,
    thumbnail.router,
    compare.router,
    tenant_events.router,
    renders.router,
    links.router,
    deliveries.router,
    webhooks.router,
    schedules.router,
    me.router,
    history.router,
    fleet.router,
    tenants.router,
    erasure.router,
    keys.router,
    health.router,
    docs.router,
    root.router,
)

log = get_logger(__name__)


def create_app() -> FastAPI:
    """Read the settings and build the application; its lifespan opens and closes the connections.

    Raises:
        fleet.settings.SettingsError: a setting is missing or wrong.
    """
    configure_logs(load_settings(LogSettings))
    settings = Settings.load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.dependencies = await _open_dependencies(app.state.settings, stack)
            yield

    app = FastAPI(
        title="renderfleet",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own manuals load scripts from a CDN; ours is api/routes/docs.py
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        # The spans of calls are made by TracedCalls, and FastAPI's would stand beside them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    allow_origins(app, settings.api.api_cors_origins)
    app.add_middleware(HostCheck, names=HostNames((*settings.api.api_allowed_hosts, settings.api.api_host)))
    app.add_middleware(TracedCalls)
    app.add_middleware(CallLog, refusal=_refusal)
    app.add_middleware(PlainStart)
    _add_routes(app, has_dashboard=settings.api.api_ui)
    app.add_exception_handler(RenderfleetError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_without_route)
    return app


def _add_routes(app: FastAPI, *, has_dashboard: bool) -> None:
    app.state.has_dashboard = has_dashboard
    routes = list(app.routes)
    for router in _ROUTERS:
        app.include_router(router)
        routes += router.routes
    if has_dashboard:
        from api.ui.site import add_dashboard  # noqa: PLC0415 - takes 2.4 MiB: only where it is wanted

        routes += add_dashboard(app)
    app.state.routes = [route for route in routes if isinstance(route, Route)]


async def _open_dependencies(settings: Settings, stack: AsyncExitStack) -> Dependencies:
    """Open all connections; `stack` closes them, each within a time limit."""
    raise_descriptor_limit(max(settings.api.api_max_waiters, settings.api.api_max_connections))
    start_traces(settings.traces, service="api")
    stack.push_async_callback(asyncio.to_thread, stop_traces)
    database = await _open_database(settings.database)
    stack.push_async_callback(database.close)
    vault = Vault.open(settings.secrets, settings.data.data_dir)
    await _enrol_key(database, vault)
    await _check_connections(database, settings.database)
    redis = arq_adapter.connect(**settings.redis.connection)
    stack.push_async_callback(redis.aclose, close_connection_pool=True)
    store = Artifacts(settings.storage)
    stack.push_async_callback(asyncio.to_thread, store.close)
    probes = Probes(
        {
            "postgres": partial(check_schema, database),
            "redis": redis.ping,
            "s3": store.check,
        }
    )
    stack.callback(probes.cancel)
    waiters = Waiters(database, redis, limit=settings.api.api_max_waiters)
    waiters.open()
    stack.push_async_callback(waiters.close)
    feed = TenantFeed(database, waiters.places)
    feed.open()
    stack.push_async_callback(feed.close)
    _release_on_signals(waiters)
    ticks = ChangeTicks(waiters, redis, limit=min(MAX_STREAMS, settings.api.api_max_waiters))
    stack.callback(ticks.close)
    demand = CachedDemand(database, max_running=settings.tenant.max_running)
    stack.callback(demand.cancel)
    rates = Rates(redis, settings.tenant)
    stack.callback(rates.close)
    return Dependencies(
        settings=settings,
        database=database,
        vault=vault,
        redis=redis,
        artifacts=store,
        authenticator=Authenticator(database, cache_s=settings.api.api_key_cache_s),
        link_keys=LinkKeys(
            database,
            vault,
            cache_s=settings.api.api_key_cache_s,
            max_lifetime_s=settings.links.link_max_lifetime_s,
        ),
        link_locks=NamedLocks(),
        waiters=waiters,
        feed=feed,
        ticks=ticks,
        probes=probes,
        demand=demand,
        gauges=FleetGauges(database, demand),
        rates=rates,
        quotas=Quotas(database, settings.tenant),
        inserts=Inserts(database, vault),
        handover=Handover(database, redis, timeout_s=settings.redis.redis_timeout_s),
        thumbnails=Thumbnails(database, store),
        comparisons=Comparisons(database, store),
        policy=AddressPolicy.from_settings(settings.egress),
    )


async def _open_database(settings: DatabaseSettings) -> Database:
    """Connect. If Postgres does not answer, go on without it and connect later.

    Raises:
        OperatorError: Postgres refuses us, or its address cannot be understood.
    """
    try:
        return await Database.open(settings, application="api")
    except OperatorError:
        raise
    except UnavailableError as error:
        # The API may start before Postgres. Until Postgres answers, calls are refused with 503.
        log.warning("postgres does not answer yet, starting without it", error=in_words(error))
    return await Database.open(settings, application="api", eager=False)


async def _enrol_key(database: Database, vault: Vault) -> None:
    """Refuse to start with a key that is not the fleet's, or with a database that lacks our tables.

    Raises:
        OperatorError: this is not the fleet's key (a WrongKeyError), or the database lacks tables or rights.
    """
    try:
        await enrol(database, vault)
    except OperatorError:
        raise
    except UnavailableError:
        # The key is checked later, when the first secret is stored (fleet/vault/enrolment.py).
        log.warning("postgres does not answer yet, the key of secrets is not checked yet")


async def _check_connections(database: Database, settings: DatabaseSettings) -> None:
    """Refuse to start with more connections than Postgres allows, and warn if the fleet may hold more.

    Raises:
        OperatorError: this process alone may hold more than Postgres allows.
    """
    try:
        await check_connections(database, settings)
    except OperatorError:
        raise
    except UnavailableError:
        log.warning("postgres does not answer yet, its connections are not counted")


def _release_on_signals(waiters: Waiters) -> None:
    """When the server is asked to stop, answer at once all calls that wait for a job.

    Otherwise they would delay the stop: uvicorn waits for open calls, and these may wait for a minute.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread can handle signals
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, previous: Any = previous) -> None:
            # Not called here: the signal may have interrupted code of the waiters.
            loop.call_soon_threadsafe(waiters.release)
            if callable(previous):
                previous(received, frame)

        if callable(previous):
            signal.signal(number, handle)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, RenderfleetError):
        raise error
    if isinstance(error, UnavailableError):
        log.warning("a dependency is down", error_type=error.type, error=repr(error.__cause__ or error))
    answer = _refusal(request, error)
    return LingeringResponse(answer) if error.type is ErrorType.BODY_TOO_LARGE else answer


async def _answer_invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _refusal(request, refused_parameters(error.errors()))


async def _answer_without_route(request: Request, error: Exception) -> Response:
    """The answer to a call that has no route: an unknown path, or another method than the path allows."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request)
        detail = f"this path allows {', '.join(allowed)}"
        refusal = RefusedError(ErrorType.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)})
    else:
        refusal = RefusedError(ErrorType.NOT_FOUND, "no call has this path; /docs lists them all")
    return _refusal(request, refusal)


def _refusal(request: Request, error: RenderfleetError) -> Response:
    """The answer to a call that is refused: a problem document or, to the dashboard, a page."""
    if request.app.state.has_dashboard:
        from api.ui.refusals import is_of_dashboard, refusal_page  # noqa: PLC0415 - as above

        if is_of_dashboard(request):
            return refusal_page(request, error)
    return problem_response(error, request.scope)


def _allowed_methods(request: Request) -> list[str]:
    # Starlette's own Allow has only the methods of the first route that matches. `/v1/jobs/batch` also
    # matches `/v1/jobs/{job_id}`: only the routes with the fewest parameters count.
    routes: list[Route] = request.app.state.routes
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    fewest = min((route.path.count("{") for route in matching), default=0)
    methods = {
        method for route in matching if route.path.count("{") == fewest for method in route.methods or ()
    }
    return [method for method in _METHODS if method in methods]
