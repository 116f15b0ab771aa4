"""The newest messages of an endpoint, for the dashboard: of an endpoint with thousands a page is read."""

from typing import Final

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS: Final = (
    "CREATE INDEX webhook_outbox_newest ON webhook_outbox (tenant_id, endpoint, created_at DESC, id DESC)",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
