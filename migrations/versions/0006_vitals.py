"""What a worker tells of its health, for the page of the fleet."""

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: Final = (
    # Written anew with each report and only shown; workers of an older version leave it empty.
    "ALTER TABLE workers ADD COLUMN vitals jsonb",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
