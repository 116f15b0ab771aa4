"""Messages that try a webhook out: about no job."""

from typing import Final

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS: Final = (
    "ALTER TABLE webhook_outbox ALTER COLUMN job_id DROP NOT NULL",
    # They do not go with a job; the older ones of a webhook are found by this.
    """
    CREATE INDEX webhook_outbox_tests ON webhook_outbox (tenant_id, endpoint, created_at DESC)
        WHERE job_id IS NULL
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
