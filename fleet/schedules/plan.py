"""What a due schedule does: one job, or none and why (pure)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.field_errors import in_words
from fleet.render.options.source import EGRESS_CONTEXT
from fleet.render.request import RenderRequest
from fleet.schedules.cron import Timetable
from fleet.telemetry.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come, as it was read.

    Attributes:
        request_json: what to render; None: its secrets cannot be read.
        fire_at: the first time that was not fired.
        now: the database's time.
        max_queued: how many queued jobs its tenant may have; None takes the setting.
        max_renders_per_month: how many jobs its tenant may have accepted in a month; None takes the setting.
        egress_allow: what its tenant reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what its tenant does not reach, as `EGRESS_DENY` is written.
    """

    id: UUID
    tenant_id: UUID
    cron: str
    timezone: str
    request_json: str | None
    fire_at: datetime
    revision: int
    now: datetime
    max_queued: int | None
    max_renders_per_month: int | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleRefusal:
    """Why a time makes no job."""

    type: ErrorType
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a due schedule does: one job for `scheduled_for`, or none, and when it comes again.

    Attributes:
        next_fire_at: None: never, and the schedule is disabled.
    """

    scheduled_for: datetime
    next_fire_at: datetime | None
    request: RenderRequest | ScheduleRefusal


def plan(due: Due, policy: AddressPolicy) -> Plan:
    """What to do with a due schedule. Pure, and raises nothing: one bad schedule must not stop the others."""
    try:
        timetable = Timetable.parse(due.cron, due.timezone)
        scheduled_for = timetable.latest(first=due.fire_at, until=due.now)
        next_fire_at = timetable.after(due.now)
    except Exception:
        log.exception("schedule disabled: its times cannot be read", schedule_id=str(due.id))
        refusal = ScheduleRefusal(
            ErrorType.INTERNAL_ERROR, "its times cannot be read any more; it is disabled"
        )
        return Plan(due.fire_at, None, refusal)
    return Plan(scheduled_for, next_fire_at, _request(due, policy))


def _request(due: Due, policy: AddressPolicy) -> RenderRequest | ScheduleRefusal:
    if due.request_json is None:
        return ScheduleRefusal(
            ErrorType.SECRETS_UNREADABLE, "what its job was given as secret cannot be read"
        )
    try:
        own = policy.for_tenant(due.egress_allow, due.egress_deny)
        return RenderRequest.model_validate_json(due.request_json, context={EGRESS_CONTEXT: own})
    except ValidationError as error:
        # Accepted by another release, or under another EGRESS_ALLOW.
        is_blocked = any(found["type"] == ErrorType.URL_BLOCKED for found in error.errors())
        type_ = ErrorType.URL_BLOCKED if is_blocked else ErrorType.INVALID_REQUEST
        return ScheduleRefusal(type_, in_words(error, RenderRequest))
    except ValueError:
        log.exception("the addresses of a tenant cannot be read", tenant_id=str(due.tenant_id))
        return ScheduleRefusal(ErrorType.INTERNAL_ERROR, "which addresses you reach cannot be read")
