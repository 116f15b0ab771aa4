"""What a render tells of itself besides its file: what was blocked, and what the picture is worth.

Jobs of the previous release have nothing of it.
"""

from typing import Final

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS: Final = (
    # No default: a table of ten million rows is not rewritten.
    """
    ALTER TABLE jobs
        ADD COLUMN blocked jsonb, ADD COLUMN verdict jsonb,
        ADD COLUMN evidence jsonb, ADD COLUMN comparison jsonb
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
