"""Deciding what a due schedule does: make one job, or none and why. Needs no database and no clock."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.render.stored import StoredRequestError, read_stored
from fleet.schedules.cron import Timetable
from fleet.telemetry.logs import get_logger
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come, as it was read.

    Attributes:
        request: what to render, as it is stored.
        fire_at: the first time for which no job was made.
        now: the time of the database.
        max_queued: how many queued jobs its tenant may have; None: as many as the setting says.
        max_renders_per_month: how many jobs its tenant may have accepted in a month; None: as many as the
            setting says.
        egress_allow: addresses that its tenant reaches besides those of the settings, as in `EGRESS_ALLOW`.
        egress_deny: addresses that its tenant does not reach, as in `EGRESS_DENY`.
    """

    id: UUID
    tenant_id: UUID
    cron: str
    timezone: str
    request: SealedRequest
    fire_at: datetime
    revision: int
    now: datetime
    max_queued: int | None
    max_renders_per_month: int | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleRefusal:
    """Why no job is made for a time."""

    type: ErrorType
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a due schedule does: make a job for `scheduled_for`, or none.

    Attributes:
        next_fire_at: the next time; None: there is none, and the schedule is to be disabled.
        request: what to render, or why no job is made.
    """

    scheduled_for: datetime
    next_fire_at: datetime | None
    request: RenderRequest | ScheduleRefusal


def plan(due: Due, policy: AddressPolicy, vault: Vault) -> Plan:
    """Decide what to do with a due schedule. It raises nothing: one bad schedule must not stop the others.

    Args:
        due: the schedule.
        policy: the addresses that jobs of all tenants reach.
        vault: opens the secrets of the schedule.
    """
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
    return Plan(scheduled_for, next_fire_at, _request(due, policy, vault))


def _request(due: Due, policy: AddressPolicy, vault: Vault) -> RenderRequest | ScheduleRefusal:
    try:
        own_policy = policy.for_tenant(due.egress_allow, due.egress_deny)
    except ValueError:
        log.exception("the addresses of a tenant cannot be read", tenant_id=str(due.tenant_id))
        return ScheduleRefusal(ErrorType.INTERNAL_ERROR, "which addresses you reach cannot be read")
    owner = SecretOwner(Purpose.SCHEDULE, due.tenant_id, due.id)
    try:
        return read_stored(due.request, vault, owner=owner, policy=own_policy)
    except UnsealError as error:
        log.exception("a schedule's secrets cannot be read", schedule_id=str(due.id))
        return ScheduleRefusal(error.type, error.detail)
    except StoredRequestError as error:
        return ScheduleRefusal(error.type, error.detail)
