"""How many jobs of a tenant were accepted in this calendar month. All SQL of it but the counting.

The trigger `month_counts_jobs` counts in the transaction that accepts. Each new job counts once, whatever
made it: a call, an item of a batch, a schedule, a job run anew. What the fleet tries again does not count
again, and nothing is given back for a job that fails or is cancelled. Months are UTC's, by the database's
clock.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database

# The first moment of this month, without a zone and meant in UTC.
THIS_MONTH: Final = "date_trunc('month', now() AT TIME ZONE 'UTC')"

_READ: Final = f"""
    SELECT coalesce(sum(accepted), 0)::bigint AS accepted,
           extract(epoch FROM ({THIS_MONTH} + interval '1 month') AT TIME ZONE 'UTC' - now()) AS left_s
    FROM tenant_months WHERE tenant_id = $1 AND month = {THIS_MONTH}
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A tenant's month so far.

    Attributes:
        accepted: jobs.
        left_s: seconds until the next month begins.
    """

    accepted: int
    left_s: float


async def read(database: Database, tenant_id: UUID) -> Month:
    """This month as it is now."""
    row = await database.fetchrow(_READ, tenant_id)
    if row is None:
        raise RuntimeError("a sum gave no row")
    return Month(row["accepted"], float(row["left_s"]))
