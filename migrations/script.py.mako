"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Apply. It cannot be undone (docs/operations/upgrade.md)."""
    ${upgrades if upgrades else 'op.execute("")'}
