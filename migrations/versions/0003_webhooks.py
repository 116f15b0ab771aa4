"""Webhooks: endpoints with their secrets, and each attempt to deliver a message.

An endpoint is a tenant's webhook address without query and fragment. An address may be longer than an index
entry may be (2,704 bytes), so indexes contain its SHA-256.
"""

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS: Final = (
    # With doubled backslashes the cast returns the bytes of the text. convert_to() would do the same, but it
    # is not immutable, and generated columns require that.
    r"""
    CREATE FUNCTION webhook_endpoint(url text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT sha256(replace(split_part(split_part(url, '#', 1), '?', 1), '\', '\\')::bytea)
    $$
    """,
    # The secrets are not encrypted (changed in 0007). disabled_at: when the receiver answered 410 Gone.
    """
    CREATE TABLE webhook_endpoints (
        id                     uuid PRIMARY KEY,
        tenant_id              uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        url                    text NOT NULL,
        endpoint               bytea NOT NULL GENERATED ALWAYS AS (webhook_endpoint(url)) STORED,
        secret                 text NOT NULL,
        previous_secret        text,
        previous_secret_until  timestamptz,
        disabled_at            timestamptz,
        created_at             timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, endpoint),
        CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
    )
    """,
    "CREATE INDEX webhook_endpoints_of_tenant ON webhook_endpoints (tenant_id, id DESC)",
    # attempt: number of all attempts. tries: attempts since the message was created or redelivered.
    # sending_until: end of the lease of the sender that sends the message.
    """
    ALTER TABLE webhook_outbox
        ADD COLUMN endpoint       bytea NOT NULL GENERATED ALWAYS AS (webhook_endpoint(url)) STORED,
        ADD COLUMN tries          integer NOT NULL DEFAULT 0,
        ADD COLUMN sending_until  timestamptz,
        ADD COLUMN error          text
    """,
    """
    CREATE INDEX webhook_outbox_of_endpoint ON webhook_outbox (tenant_id, endpoint, next_attempt_at)
        WHERE state = 'pending'
    """,
    """
    CREATE INDEX webhook_outbox_sending ON webhook_outbox (tenant_id, endpoint)
        WHERE sending_until IS NOT NULL
    """,
    # A row is added when sending begins. duration_ms is null while it runs, or if its sender was lost.
    """
    CREATE TABLE webhook_attempts (
        message_id   uuid NOT NULL REFERENCES webhook_outbox ON DELETE CASCADE,
        attempt      integer NOT NULL,
        at           timestamptz NOT NULL DEFAULT now(),
        status       integer,
        duration_ms  real,
        error        text,
        PRIMARY KEY (message_id, attempt)
    )
    """,
)


def upgrade() -> None:
    """Create and change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
