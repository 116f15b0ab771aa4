"""Signed links: the key that signs them, and which job has rendered what."""

from typing import Final

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS: Final = (
    # Sealed (0007). Keys that were made before have no link key: it is derived from the secret, which is not
    # stored.
    """
    ALTER TABLE api_keys
        ADD COLUMN link_key            bytea,
        ADD COLUMN link_key_sealed_by  bytea GENERATED ALWAYS AS (substring(link_key FROM 2 FOR 8)) STORED
            CONSTRAINT api_keys_sealed_by REFERENCES secret_keys
    """,
    "CREATE INDEX api_keys_of_key ON api_keys (link_key_sealed_by) WHERE link_key_sealed_by IS NOT NULL",
    # render_digest: equal for jobs of a tenant that render the same; null for older jobs.
    # of_link: the job was made for a signed link; others who load the link meanwhile wait for it.
    """
    ALTER TABLE jobs
        ADD COLUMN render_digest  bytea,
        ADD COLUMN of_link        boolean NOT NULL DEFAULT false
    """,
    # It contains no jobs whose artifact was erased, so it grows with the store and not with the history.
    """
    CREATE INDEX jobs_by_render ON jobs (tenant_id, render_digest, state, finished_at DESC)
        WHERE render_digest IS NOT NULL AND state IN ('succeeded', 'failed') AND artifact_erased_at IS NULL
    """,
    # For each link only one job renders at a time; others who load the link wait for it.
    """
    CREATE UNIQUE INDEX jobs_of_links ON jobs (tenant_id, render_digest)
        WHERE of_link AND state IN ('queued', 'running')
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
