"""The trace that a job belongs to: the `traceparent` of the call that has made it."""

from typing import Final

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS: Final = (
    # No default: a table of ten million rows is not rewritten. Most jobs have none.
    "ALTER TABLE jobs ADD COLUMN traceparent text",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
