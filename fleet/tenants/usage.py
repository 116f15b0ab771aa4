"""Reads how many jobs of a tenant were accepted in this calendar month.

The trigger `month_counts_jobs` counts them, in the transaction that accepts the job. Each new job counts
once: of a call, of a batch, of a schedule, or run again by its owner. Further attempts of the fleet do not
count. A job that fails or is cancelled still counts. Months are in UTC, by the clock of the database.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database

# The first moment of this month in UTC, as a timestamp without a time zone.
THIS_MONTH: Final = "date_trunc('month', now() AT TIME ZONE 'UTC')"

_READ: Final = f"""
    SELECT coalesce(sum(accepted), 0)::bigint AS accepted,
           extract(epoch FROM ({THIS_MONTH} + interval '1 month') AT TIME ZONE 'UTC' - now()) AS left_s
    FROM tenant_months WHERE tenant_id = $1 AND month = {THIS_MONTH}
"""


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """What a tenant has used in this month.

    Attributes:
        accepted: the number of jobs that were accepted.
        left_s: seconds until the next month begins.
    """

    accepted: int
    left_s: float


async def read(database: Database, tenant_id: UUID) -> MonthUsage:
    """The usage of this month until now."""
    row = await database.fetchrow(_READ, tenant_id)
    if row is None:
        raise RuntimeError("a sum gave no row")
    return MonthUsage(row["accepted"], float(row["left_s"]))
