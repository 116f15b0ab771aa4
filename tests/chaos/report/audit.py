"""An audit of the jobs table that does not depend on the product's code: a trigger records each state change.

The run installs it in its database. A note is written in the transaction that makes the change, so there is a
note exactly if the change was committed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

# UPDATE OF state fires when a statement sets the column, also to the same value: a second finish is recorded.
_INSTALL: Final = """
    CREATE TABLE chaos_trail (
        number       bigserial PRIMARY KEY,
        at           timestamptz NOT NULL DEFAULT clock_timestamp(),
        job_id       uuid NOT NULL,
        old_state    text,
        new_state    text NOT NULL,
        old_attempt  integer,
        attempt      integer NOT NULL,
        dispatch     integer NOT NULL,
        worker_id    uuid
    );
    CREATE INDEX chaos_trail_by_time ON chaos_trail (at);
    CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO chaos_trail (job_id, new_state, attempt, dispatch)
            VALUES (NEW.id, NEW.state, NEW.attempt, NEW.dispatch);
        ELSE
            INSERT INTO chaos_trail (job_id, old_state, new_state, old_attempt, attempt, dispatch, worker_id)
            VALUES (NEW.id, OLD.state, NEW.state, OLD.attempt, NEW.attempt, NEW.dispatch, NEW.worker_id);
        END IF;
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE OF state ON jobs
        FOR EACH ROW EXECUTE FUNCTION chaos_note();
"""
_READ: Final = "SELECT * FROM chaos_trail ORDER BY number"

TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})
# The transitions that docs/states.md allows. The list is written here again, so that a mistake in the product
# does not change it. Writing the same state again is no transition, unless the state is terminal.
LEGAL: Final = frozenset(
    {
        (None, "queued"),
        ("queued", "running"),
        ("queued", "cancelled"),
        ("queued", "expired"),
        ("queued", "queued"),
        ("running", "queued"),
        ("running", "running"),
        *(("running", end) for end in TERMINAL),
    }
)


@dataclass(frozen=True, slots=True)
class Note:
    """One change of one job."""

    number: int
    at: float
    job_id: UUID
    old_state: str | None
    new_state: str
    old_attempt: int | None
    attempt: int
    dispatch: int
    worker_id: UUID | None

    @property
    def is_end(self) -> bool:
        """Whether it ends the job, perhaps for the second time."""
        return self.new_state in TERMINAL

    @property
    def is_claim(self) -> bool:
        """Whether an attempt begins."""
        return self.old_state == "queued" and self.new_state == "running"

    @property
    def is_legal(self) -> bool:
        """Whether the transition is allowed, and `attempt` rises only if an attempt begins."""
        if (self.old_state, self.new_state) not in LEGAL:
            return False
        return self.attempt == (self.old_attempt or 0) + self.is_claim


Trail = dict[UUID, list[Note]]


async def install(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Install the trigger."""
    await connection.execute(_INSTALL)


async def read(connection: "asyncpg.Connection[asyncpg.Record]") -> Trail:
    """All notes by job. A job's notes are in order, because its row is locked while one is written."""
    trail: Trail = {}
    for row in await connection.fetch(_READ):
        values = dict(row)
        at: datetime = values.pop("at")
        trail.setdefault(values["job_id"], []).append(Note(at=at.timestamp(), **values))
    return trail


def state_at(notes: list[Note], at: float) -> Note | None:
    """The last note of a job at that time; None: the job did not exist yet."""
    found = None
    for note in notes:
        if note.at > at:
            break
        found = note
    return found
