"""Replays: jobs that are rendered from what another job has recorded, without the web."""

from typing import Final

from alembic import op

revision = "0016"
down_revision = "0013"

STATEMENTS: Final = (
    # No default: a table of ten million rows is not rewritten. No reference: the other job may be forgotten
    # first, and then the replay says so.
    "ALTER TABLE jobs ADD COLUMN replay_of uuid",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
