"""Retention: which artifacts, orphans and rows are due to go; and what a batch was answered with."""

from typing import Final

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: Final = (
    # Jobs that ended before 0002 set this at the end.
    """
    UPDATE jobs SET erase_at = finished_at + make_interval(secs => retention_s)
    WHERE finished_at IS NOT NULL AND erase_at IS NULL
    """,
    # artifact_erased_at: nothing of the job is in the store any more, be it that there never was anything.
    "DROP INDEX jobs_erasable",
    """
    CREATE INDEX jobs_erasable ON jobs (erase_at, id)
        WHERE erase_at IS NOT NULL AND artifact_erased_at IS NULL
    """,
    "CREATE INDEX jobs_forgettable ON jobs (finished_at) WHERE artifact_erased_at IS NOT NULL",
    # Whatever an attempt uploaded that did not succeed belongs to nobody.
    "ALTER TABLE attempts ADD COLUMN orphan_erased_at timestamptz",
    """
    CREATE INDEX attempts_orphaned ON attempts (finished_at, job_id, attempt)
        WHERE outcome <> 'succeeded' AND orphan_erased_at IS NULL
    """,
    # One answer for each item, in order: the id of its job, or why it was refused.
    "ALTER TABLE batches ADD COLUMN items json NOT NULL",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
