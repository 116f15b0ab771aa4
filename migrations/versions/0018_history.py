"""Figures over time, for 30 days: ended jobs by the minute, and the fleet's state once a minute."""

from typing import Final

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS: Final = (
    # To count the jobs that ended in a minute. A job that is accepted is not in it.
    "CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL",
    # tenant_id: null in the rows of all tenants together. error_type: '' without one.
    # total, queued: how many jobs took how long, as {"bucket": jobs}; fleet/duration_buckets.py says how
    # long a bucket is.
    """
    CREATE TABLE history_minutes (
        tenant_id   uuid REFERENCES tenants ON DELETE CASCADE,
        minute      timestamptz NOT NULL,
        state       text NOT NULL,
        error_type  text NOT NULL,
        jobs        integer NOT NULL,
        total       jsonb NOT NULL,
        queued      jsonb NOT NULL,
        CONSTRAINT history_minutes_once UNIQUE NULLS NOT DISTINCT (tenant_id, minute, state, error_type)
    )
    """,
    # To delete what is too old.
    "CREATE INDEX history_minutes_by_age ON history_minutes (minute)",
    # memory_bytes: of each worker, as {"id": bytes}.
    """
    CREATE TABLE history_fleet (
        minute           timestamptz PRIMARY KEY,
        queued           integer NOT NULL,
        oldest_queued_s  real NOT NULL,
        running          integer NOT NULL,
        workers          integer NOT NULL,
        slots            integer NOT NULL,
        memory_bytes     jsonb NOT NULL
    )
    """,
    # One row. All minutes before counted_until are in history_minutes.
    "CREATE TABLE history_progress (counted_until timestamptz NOT NULL)",
    """
    INSERT INTO history_progress
    SELECT date_trunc('minute', greatest(coalesce(min(finished_at), now()), now() - interval '30 days'))
    FROM jobs WHERE finished_at IS NOT NULL
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
