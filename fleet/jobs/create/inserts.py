"""Stores the jobs of calls that come at the same time in one transaction."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.create.insert import NewJob, columns_of, insert_statement
from fleet.jobs.job import Job, job_from_row
from fleet.joined_calls import JoinedCalls, Pace
from fleet.vault import Vault, writing_sealed

_INSERT: Final = insert_statement()
_INSERT_MANY: Final = insert_statement(of_many=True)
_MOST_TOGETHER: Final = 50
# A long document of one caller would delay the others.
_MOST_BYTES: Final = 50_000


class Inserts:
    """The way of an API process into the table `jobs`, for one job of a call.

    Eight jobs in one statement cost Postgres and this process a quarter of what eight statements cost. So
    while one job of a tenant is being stored, the tenant's next ones wait, and are then stored together. Jobs
    of other tenants do not wait for it, and are never in the same transaction: two transactions that add to
    the counts of the same tenants in another order could block each other.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        """Store nothing yet.

        Args:
            database: connections to Postgres.
            vault: has sealed what the jobs hold.
        """
        self._database = database
        self._vault = vault
        self._pace = Pace()
        self._tenants: WeakValueDictionary[UUID, JoinedCalls[NewJob, Job | None]] = WeakValueDictionary()

    async def insert(self, new: NewJob) -> Job | None:
        """Store a job. None: it is in conflict with one that exists.

        Raises:
            fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
            UnavailableError: Postgres does not answer. Either nothing was stored, or the connection broke
                during the commit.
        """
        if len(new.request) + len(new.content or b"") > _MOST_BYTES:
            return await self._insert_one(new)
        joined = self._tenants.get(new.tenant_id)
        if joined is None:
            joined = self._tenants[new.tenant_id] = JoinedCalls(
                self._insert_all, self._pace, most=_MOST_TOGETHER
            )
        return await joined.call(new)

    async def _insert_all(self, jobs: list[NewJob]) -> Sequence[Job | Exception | None]:
        if len(jobs) == 1:
            return [await self._insert_one(jobs[0])]
        try:
            # In the order of their keys: else two transactions could each wait for a key of the other.
            ordered = sorted(jobs, key=lambda new: new.idempotency_key or "")
            rows = await self._database.fetch(_INSERT_MANY, *columns_of(ordered))
        except UnavailableError:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError):  # of one of them; so none is stored
            alone = await asyncio.gather(*map(self._insert_one, jobs), return_exceptions=True)
            return [_error_or_job(result) for result in alone]
        stored = {row["id"]: job_from_row(row) for row in rows}
        return [stored.get(new.id) for new in jobs]

    async def _insert_one(self, new: NewJob) -> Job | None:
        row = await writing_sealed(
            self._database, self._vault, lambda: self._database.fetchrow(_INSERT, *new)
        )
        return None if row is None else job_from_row(row)


def _error_or_job(result: Job | BaseException | None) -> Job | Exception | None:
    if isinstance(result, BaseException) and not isinstance(result, Exception):
        raise result
    return result
