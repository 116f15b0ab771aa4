"""`/ui/schedules/new` and `…/edit`: the form of a schedule.

Its secrets are never sent to a browser. A field of the form says for each whether it stays as it is; what is
written into the JSON replaces it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.responses import Response

from api.http.path_ids import SCHEDULE, ScheduleId
from api.http.problems import not_found
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.schedules.schedule import schedule_of
from api.ui.viewer import Rendering, SentForm, Viewer
from fleet.errors import InvalidRequestError
from fleet.input.field_errors import field_errors_of
from fleet.pictures.options import Method
from fleet.render.sealed import nested
from fleet.schedules import schedule as schedules
from fleet.schedules.request import CompareOptions, Deliver, ScheduleRequest
from fleet.schedules.run_now import find_template
from fleet.schedules.schedule import MAX_SCHEDULES_OF_TENANT, Schedule
from fleet.tenants.tenant import Scope
from fleet.vault import Purpose, SecretOwner

_LIST: Final = f"{ROOT}/schedules"
NEW: Final = DashboardPage(f"{_LIST}/new", "New schedule", Scope.RENDER, is_in_navigation=False)
EDIT: Final = DashboardPage(
    f"{_LIST}/{{schedule_id}}/edit", "Edit schedule", Scope.RENDER, is_in_navigation=False
)
_ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Sydney",
)
# What the form of a new schedule begins with, and the names of all fields.
_START: Final[dict[str, str]] = {
    "name": "",
    "cron": "0 9 * * MON-FRI",
    "timezone": "UTC",
    "job": '{\n  "url": "https://example.com/",\n  "full_page": true\n}',
    "deliver": Deliver.WHEN_CHANGED.value,
    "method": Method.VISIBLE.value,
    "threshold": "",
    "ignore_selectors": "",
    "enabled": "yes",
}
# Fields of several lines, whose text is taken as it was sent.
_LONG: Final = frozenset({"job", "ignore_selectors"})

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the form shows.

    Attributes:
        values: of its fields.
        sealed: names of the secrets that the schedule has.
        kept: those of them that stay.
        errors: by field, what is wrong.
    """

    values: Mapping[str, str]
    sealed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


class _UnreadableFieldError(Exception):
    """What was typed into a field cannot be read.

    Attributes:
        name: of the field.
    """

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


@router.get(NEW.path)
async def show_new_schedule(viewer: Rendering) -> Response:
    """The empty form."""
    return _form(viewer, _Draft(_START))


@router.post(NEW.path)
async def make_schedule(viewer: Rendering) -> Response:
    """Make it."""
    draft = _sent(await viewer.form(), ())
    wanted = await _wanted(viewer, draft)
    if isinstance(wanted, _Draft):
        return _form(viewer, wanted)
    made = await schedules.create(
        viewer.dependencies.database, viewer.dependencies.vault, tenant_id=viewer.tenant.id, wanted=wanted
    )
    if made is None:
        most = f"there are {MAX_SCHEDULES_OF_TENANT:,} schedules, which is the most; delete one first"
        return _form(viewer, _Draft(draft.values, errors={"": most}))
    viewer.audit("schedule made", schedule_id=str(made.id))
    return viewer.back(f"{_LIST}/{made.id}", "The schedule is made.")


@router.get(EDIT.path)
async def show_schedule_to_edit(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """The form, filled."""
    schedule = await schedule_of(viewer, schedule_id)
    sealed = tuple(schedule.sealed_fields or ())
    return _form(viewer, _Draft(_values_of(schedule), sealed, kept=sealed), schedule)


@router.post(EDIT.path)
async def change_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Replace it, with those of its secrets that stay."""
    schedule = await schedule_of(viewer, schedule_id)
    draft = _sent(await viewer.form(), tuple(schedule.sealed_fields or ()))
    secrets = await _secrets(viewer, schedule_id) if draft.kept else {}
    kept = {name: value for name, value in secrets.items() if name in draft.kept}
    wanted = await _wanted(viewer, draft, kept, schedule.compare)
    if isinstance(wanted, _Draft):
        return _form(viewer, wanted, schedule)
    found = await schedules.replace(
        viewer.dependencies.database,
        viewer.dependencies.vault,
        schedule_id=schedule_id,
        tenant_id=viewer.tenant.id,
        wanted=wanted,
    )
    if found is None:
        raise not_found(SCHEDULE)
    viewer.audit("schedule changed", schedule_id=str(schedule_id))
    return viewer.back(f"{_LIST}/{schedule_id}", "The schedule is changed.")


def _form(viewer: Viewer, draft: _Draft, schedule: Schedule | None = None) -> Response:
    return viewer.page(
        "pages/schedules/schedule_form.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if draft.errors else HTTPStatus.OK,
        draft=draft,
        schedule=schedule,
        title=NEW.title if schedule is None else EDIT.title,
        to=NEW.path if schedule is None else f"{_LIST}/{schedule.id}/edit",
        back=_LIST if schedule is None else f"{_LIST}/{schedule.id}",
        zones=_ZONES,
        methods=[method.value for method in Method],
        delivers=[deliver.value for deliver in Deliver],
    )


def _values_of(schedule: Schedule) -> dict[str, str]:
    compare = schedule.compare
    return {
        "name": schedule.name or "",
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "job": json.dumps(json.loads(schedule.request or "{}"), indent=2, ensure_ascii=False),
        "deliver": schedule.deliver.value,
        "method": (compare.method if compare is not None else Method.VISIBLE).value,
        "threshold": "" if compare is None or compare.threshold is None else f"{compare.threshold:g}",
        "ignore_selectors": "" if compare is None else "\n".join(compare.ignore_selectors),
        "enabled": "yes" if schedule.enabled else "",
    }


def _sent(form: SentForm, sealed: tuple[str, ...]) -> _Draft:
    values = {name: form.raw(name) if name in _LONG else form.text(name) for name in _START}
    return _Draft(values, sealed, tuple(name for name in sealed if name in form.all("keep")))


async def _secrets(viewer: Viewer, schedule_id: UUID) -> dict[str, Any]:
    """The secrets of a schedule, by their names.

    Raises:
        RefusedError: the schedule is gone.
        fleet.vault.UnsealError: they cannot be read.
    """
    template = await find_template(
        viewer.dependencies.database, schedule_id=schedule_id, tenant_id=viewer.tenant.id
    )
    if template is None or template.request.secrets is None:
        raise not_found(SCHEDULE)
    owner = SecretOwner(Purpose.SCHEDULE, viewer.tenant.id, schedule_id)
    secrets = from_json(viewer.dependencies.vault.unseal(template.request.secrets, owner=owner))
    assert isinstance(secrets, dict), "it was sealed as an object"  # noqa: S101
    return secrets


async def _wanted(
    viewer: Viewer,
    draft: _Draft,
    secrets: Mapping[str, Any] = MappingProxyType({}),
    compare: CompareOptions | None = None,
) -> ScheduleRequest | _Draft:
    """The schedule that is wanted, or the form again with what is wrong in it.

    Args:
        viewer: who sent the form.
        draft: the form.
        secrets: of the schedule, those that stay.
        compare: as the schedule compares. Its rectangles, for which the form has no field, stay.
    """
    try:
        document = _document(draft.values, secrets)
        if compare is not None and compare.ignore_regions and "compare" in document:
            document["compare"]["ignore_regions"] = [region.model_dump() for region in compare.ignore_regions]
        wanted = ScheduleRequest.model_validate_json(
            json.dumps(document), context=viewer.dependencies.validation_for(viewer.tenant)
        )
        await require_own_pdfs(viewer.dependencies, viewer.tenant, wanted.job)
    except _UnreadableFieldError as error:
        errors = {error.name: str(error)}
    except ValidationError as error:
        errors = {}
        for found in field_errors_of(error.errors(include_url=False), ScheduleRequest):
            place, _, inner = (found.field or "").partition(".")
            name = inner.partition(".")[0] if place == "compare" else place
            errors.setdefault(name if name in draft.values else "", found.sentence)
    except InvalidRequestError as error:
        errors = {"job": error.detail}
    else:
        return wanted
    return _Draft(draft.values, draft.sealed, draft.kept, errors)


def _document(values: Mapping[str, str], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The body that the API would get.

    Raises:
        _UnreadableFieldError: the job is no JSON object, or the threshold no number.
    """
    try:
        job = from_json(values["job"] or "{}")
    except ValueError as error:
        raise _UnreadableFieldError("job", f"is not valid JSON: {error}") from None
    if not isinstance(job, dict):
        raise _UnreadableFieldError("job", "must be a JSON object")
    merged = json.loads(nested(json.dumps({**secrets, **job})))
    document: dict[str, Any] = {
        "cron": values["cron"],
        "timezone": values["timezone"] or "UTC",
        "job": merged,
        "deliver": values["deliver"],
        "enabled": values["enabled"] == "yes",
    }
    if values["name"]:
        document["name"] = values["name"]
    if values["deliver"] == Deliver.WHEN_CHANGED:
        selectors = [line.strip() for line in values["ignore_selectors"].splitlines() if line.strip()]
        document["compare"] = {"method": values["method"], "ignore_selectors": selectors}
        if values["threshold"]:
            try:
                document["compare"]["threshold"] = float(values["threshold"])
            except ValueError:
                raise _UnreadableFieldError("threshold", "must be a number") from None
    return document
