"""What the playground asks of a schedule, besides the render: when, and under which name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic_core import to_json

from api.http.problems import RefusedError
from api.http.request_body import document_of
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from api.ui.pages.playground.options_form import OptionsForm
from api.ui.viewer import SentForm, Viewer
from fleet.errors import ErrorType
from fleet.input.field_errors import FieldError
from fleet.schedules import schedule as schedules
from fleet.schedules.request import ScheduleRequest
from fleet.schedules.schedule import MAX_SCHEDULES_OF_TENANT, Schedule

_FIELDS: Final = ("cron", "timezone", "name")
_PREFIX: Final = "schedule-"
_OF_JOB: Final = "job."


@dataclass(frozen=True, slots=True)
class SavedSchedule:
    """The fields of a schedule in the form, and what is wrong with them."""

    cron: str = ""
    timezone: str = ""
    name: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def sent(cls, sent: SentForm) -> Self:
        """As a browser has sent it."""
        cron, timezone, name = (sent.text(f"{_PREFIX}{name}") for name in _FIELDS)
        return cls(cron, timezone, name)

    async def save(self, viewer: Viewer, request: Mapping[str, Any]) -> Schedule:
        """Store the schedule.

        Args:
            viewer: whose it is.
            request: what is rendered each time.

        Raises:
            RefusedError: it is not valid, or the tenant has too many.
        """
        given = {name: text for name in _FIELDS if (text := getattr(self, name))}
        body = to_json({"cron": "", **given, "job": request})
        dependencies, tenant = viewer.dependencies, viewer.tenant
        wanted = document_of(body, ScheduleRequest, context=dependencies.validation_for(tenant))
        await require_own_pdfs(dependencies, tenant, wanted.job)
        stored = await schedules.create(
            dependencies.database, dependencies.vault, tenant_id=tenant.id, wanted=wanted
        )
        if stored is None:
            raise RefusedError(
                ErrorType.TOO_MANY_SCHEDULES,
                f"you have {MAX_SCHEDULES_OF_TENANT:,} schedules, which is the most; delete one first",
            )
        return stored

    def refused(self, form: OptionsForm, error: RefusedError) -> tuple[OptionsForm, Self]:
        """The form and these fields, each with what is wrong with it."""
        own = {one.field: one.message for one in error.field_errors if one.field in _FIELDS}
        others = [
            FieldError(
                field=None if one.field is None else one.field.removeprefix(_OF_JOB),
                message=one.message,
                allowed=one.allowed,
            )
            for one in error.field_errors
            if one.field not in _FIELDS
        ]
        marked = type(self)(self.cron, self.timezone, self.name, own)
        if own and not others:
            return form, marked
        return form.refused(RefusedError(error.type, error.detail, field_errors=others)), marked
