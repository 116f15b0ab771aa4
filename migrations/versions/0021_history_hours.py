"""The history by the hour, so that a month of it is read in a moment."""

from typing import Final

from alembic import op

revision = "0021"
down_revision = "0020"

STATEMENTS: Final = (
    # As history_minutes (0018); `minute` is where the hour begins.
    """
    CREATE TABLE history_hours (
        tenant_id   uuid REFERENCES tenants ON DELETE CASCADE,
        minute      timestamptz NOT NULL,
        state       text NOT NULL,
        error_type  text NOT NULL,
        jobs        integer NOT NULL,
        total       jsonb NOT NULL,
        queued      jsonb NOT NULL,
        CONSTRAINT history_hours_once UNIQUE NULLS NOT DISTINCT (tenant_id, minute, state, error_type)
    )
    """,
    "CREATE INDEX history_hours_by_age ON history_hours (minute)",
    # All hours before it are in history_hours. What is older than that is only in history_minutes.
    "ALTER TABLE history_progress ADD COLUMN summed_until timestamptz",
    """
    UPDATE history_progress
    SET summed_until = date_trunc('hour', coalesce((SELECT min(minute) FROM history_minutes), counted_until))
    """,
    "ALTER TABLE history_progress ALTER COLUMN summed_until SET NOT NULL",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
