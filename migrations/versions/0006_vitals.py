"""Health reports of workers, for `GET /v1/fleet`."""

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: Final = (
    # Each report replaces it. It is only shown. Workers of an older version do not write it.
    "ALTER TABLE workers ADD COLUMN vitals jsonb",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
