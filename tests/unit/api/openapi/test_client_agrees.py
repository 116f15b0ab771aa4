"""The client of clients/python and the OpenAPI document say the same: fields, types, errors, options."""

import inspect
import types
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from renderfleet.error_types import CALL_ERRORS, JOB_ERRORS
from renderfleet.models import comparisons, fleet, history, jobs, schedules, tenants, webhooks
from renderfleet.models.document import Document, known_fields
from renderfleet.options import RenderOptions

MODELS: Mapping[str, type[Document]] = {
    "ApiStatusDocument": fleet.ApiStatus,
    "ArtifactDocument": jobs.Artifact,
    "AttemptDocument": webhooks.DeliveryAttempt,
    "BacklogDocument": fleet.Backlog,
    "TenantBacklogDocument": fleet.TenantBacklog,
    "BatchItemDocument": jobs.BatchItem,
    "BlockedDocument": jobs.Blocked,
    "BrowserVitals": fleet.WorkerBrowser,
    "ComparisonDocument": comparisons.PictureComparison,
    "CompareOptions": schedules.Comparison,
    "DeliveryDocument": webhooks.Delivery,
    "DependencyState": fleet.Dependency,
    "DifferenceDocument": comparisons.Difference,
    "ErasureDocument": tenants.Erasure,
    "ErrorDocument": jobs.JobError,
    "EvidenceDocument": jobs.Evidence,
    "FilterListVitals": fleet.FilterList,
    "FailedRequestDocument": jobs.FailedRequest,
    "FieldError": jobs.FieldError,
    "FleetDocument": fleet.Fleet,
    "IssuedKeyDocument": tenants.IssuedKey,
    "JobDocument": jobs.Job,
    "KeyDocument": tenants.ApiKey,
    "LimitsDocument": tenants.Limits,
    "LinksDocument": jobs.JobLinks,
    "MeDocument": tenants.Me,
    "MemoryDocument": jobs.Memory,
    "MemoryVitals": fleet.WorkerMemory,
    "OwnKeyDocument": tenants.OwnKey,
    "OwnTenantDocument": tenants.OwnTenant,
    "PageDocument": jobs.Page,
    "Problem": jobs.Problem,
    "Region": comparisons.Region,
    "RenderAttemptDocument": jobs.Attempt,
    "ScheduleDocument": schedules.Schedule,
    "ScheduleErrorDocument": schedules.ScheduleError,
    "ScheduleLinksDocument": schedules.ScheduleLinks,
    "TenantDocument": tenants.Tenant,
    "TenantLinksDocument": tenants.TenantLinks,
    "TimingsDocument": jobs.Timings,
    "UseDocument": tenants.Use,
    "VerdictDocument": jobs.Verdict,
    "WebhookDetails": webhooks.WebhookWithSecret,
    "WebhookDocument": webhooks.WebhookMessage,
    "WebhookSummary": webhooks.Webhook,
    "WorkerDocument": fleet.Worker,
    "StatesDocument": history.EndedStates,
    "PercentilesDocument": history.Percentiles,
    "HistoryPointDocument": history.HistoryPoint,
    "HistoryDocument": history.History,
    "FleetPointDocument": history.FleetPoint,
    "FleetHistoryDocument": history.FleetHistory,
}
SCHEMA_OF = {model.__name__: name for name, model in MODELS.items()} | {"Job": "JobDocument"}
# Webhooks have no `links` where the fleet does not know its own address; the model is that of all jobs.
LOOSER = {("JobDocument", "links"), ("WebhookDocument", "data")}


@pytest.fixture(scope="module")
def schemas(openapi: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = openapi["components"]["schemas"]
    return found


def in_words(kind: Any) -> str:
    """A type of the client, as `words_of` says those of the document."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        (inner,) = (one for one in arguments if one is not type(None))
        return f"{in_words(inner)} or null"
    if origin is tuple:
        return f"list of {in_words(arguments[0])}"
    if origin is Mapping:
        return "object" if arguments[1] is Any else f"object of {in_words(arguments[1])}"
    plain = {str: "string", int: "integer", float: "number", bool: "boolean", datetime: "time"}
    return plain.get(kind) or SCHEMA_OF[kind.__name__]


def words_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What the document says of a field."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "string" if "enum" in schemas[name] else str(name)
    if "anyOf" in schema:
        words = [words_of(one, schemas) for one in schema["anyOf"]]
        return " or ".join(words)
    if schema.get("format") == "date-time":
        return "time"
    if schema["type"] == "array":
        return f"list of {words_of(schema['items'], schemas)}"
    inner = schema.get("additionalProperties")
    return f"object of {words_of(inner, schemas)}" if isinstance(inner, dict) else str(schema["type"])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_fields_of_its_document_with_their_types(name: str, schemas: dict[str, Any]) -> None:
    said = {field: words_of(schema, schemas) for field, schema in schemas[name]["properties"].items()}
    known = {field: in_words(kind) for field, kind in known_fields(MODELS[name]).items()}
    for field in [field for field in said if (name, field) in LOOSER]:
        del said[field], known[field]
    assert known == said, f"bring {inspect.getsourcefile(MODELS[name])} up to date"


def test_every_document_that_calls_answer_with_has_a_model(schemas: dict[str, Any]) -> None:
    lists = {name for name in schemas if name.endswith(("ListDocument", "sDocument")) and name not in MODELS}
    # `ScalingDocument` is for autoscalers.
    pages = {"BatchDocument", "WebhookJobDocument", "ScalingDocument"}
    documents = {name for name in schemas if name.endswith("Document")} - lists - pages
    # `PdfDocument` is a part of a request.
    assert documents - {"PdfDocument"} <= set(MODELS)


def test_every_error_type_has_an_exception(schemas: dict[str, Any]) -> None:
    assert {*JOB_ERRORS, *CALL_ERRORS} == set(schemas["ErrorType"]["enum"])


def test_editors_know_every_option(schemas: dict[str, Any]) -> None:
    options = set(schemas["RenderRequest"]["properties"])
    assert set(get_type_hints(RenderOptions)) == options, (
        "bring clients/python/src/renderfleet/options.py up to date"
    )
