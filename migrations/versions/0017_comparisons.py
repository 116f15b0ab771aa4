"""Comparisons of the pictures of two jobs, with their difference pictures; and how a schedule compares."""

from typing import Final

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS: Final = (
    # picture_key: where the difference picture may be, from before it is uploaded until it is erased. answer:
    # NULL while the comparison is made, or if its process has died. question: a digest of all that it
    # depends on.
    """
    CREATE TABLE comparisons (
        id           uuid PRIMARY KEY,
        job_id       uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
        with_id      uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
        question     bytea NOT NULL,
        picture_key  text NOT NULL,
        answer       jsonb,
        created_at   timestamptz NOT NULL DEFAULT now(),
        UNIQUE (job_id, question)
    )
    """,
    # To find what goes with the other job.
    "CREATE INDEX comparisons_with ON comparisons (with_id)",
    # How it compares, whole. compare_method and compare_threshold say the nearest that the previous release
    # knows, which may still run.
    "ALTER TABLE schedules ADD COLUMN compare jsonb",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
