"""Retention: which artifacts, leftovers of attempts and rows are to be erased; and the answers of batches."""

from typing import Final

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: Final = (
    # For jobs that ended before 0002, which sets erase_at at the end of a job.
    """
    UPDATE jobs SET erase_at = finished_at + make_interval(secs => retention_s)
    WHERE finished_at IS NOT NULL AND erase_at IS NULL
    """,
    # artifact_erased_at: set when the store has nothing of the job, also if it never had anything.
    "DROP INDEX jobs_erasable",
    """
    CREATE INDEX jobs_erasable ON jobs (erase_at, id)
        WHERE erase_at IS NOT NULL AND artifact_erased_at IS NULL
    """,
    "CREATE INDEX jobs_forgettable ON jobs (finished_at) WHERE artifact_erased_at IS NOT NULL",
    # For what attempts without success have uploaded: no job refers to it.
    "ALTER TABLE attempts ADD COLUMN orphan_erased_at timestamptz",
    """
    CREATE INDEX attempts_orphaned ON attempts (finished_at, job_id, attempt)
        WHERE outcome <> 'succeeded' AND orphan_erased_at IS NULL
    """,
    # The answer for each item of the batch, in order: the id of its job, or why it was refused.
    "ALTER TABLE batches ADD COLUMN items json NOT NULL",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
