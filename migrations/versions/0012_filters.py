"""For lists of jobs: the host and the format of a job, and indexes to find ended jobs by them.

The indexes have only ended jobs, so that a new job is in none of them. There are few open jobs, which lists
look through. Jobs of the previous release have no host and no format.
"""

from typing import Final

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS: Final = (
    # No default: a table of ten million rows is not rewritten.
    "ALTER TABLE jobs ADD COLUMN host text, ADD COLUMN format text",
    """
    CREATE INDEX jobs_ended_by_host ON jobs (tenant_id, host, id DESC)
        WHERE host IS NOT NULL AND state NOT IN ('queued', 'running')
    """,
    """
    CREATE INDEX jobs_ended_by_format ON jobs (tenant_id, format, id DESC)
        WHERE format IS NOT NULL AND state NOT IN ('queued', 'running')
    """,
    """
    CREATE INDEX jobs_ended_by_external_id ON jobs (tenant_id, external_id, id DESC)
        WHERE external_id IS NOT NULL AND state NOT IN ('queued', 'running')
    """,
    # Only jobs that have failed have one.
    """
    CREATE INDEX jobs_by_error_type ON jobs (tenant_id, error_type, id DESC) WHERE error_type IS NOT NULL
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
