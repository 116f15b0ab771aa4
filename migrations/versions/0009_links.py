"""Signed links: the key that signs them, and which job has rendered what."""

from typing import Final

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS: Final = (
    # Sealed (0007). A key that was made before has none, and its secret is not there to derive it from.
    """
    ALTER TABLE api_keys
        ADD COLUMN link_key            bytea,
        ADD COLUMN link_key_sealed_by  bytea GENERATED ALWAYS AS (substring(link_key FROM 2 FOR 8)) STORED
            CONSTRAINT api_keys_sealed_by REFERENCES secret_keys
    """,
    "CREATE INDEX api_keys_of_key ON api_keys (link_key_sealed_by) WHERE link_key_sealed_by IS NOT NULL",
    # render_digest: the same for jobs of a tenant that render the same; older jobs have none.
    # of_link: made by a load of a signed link, for whoever else loads the same meanwhile.
    """
    ALTER TABLE jobs
        ADD COLUMN render_digest  bytea,
        ADD COLUMN of_link        boolean NOT NULL DEFAULT false
    """,
    # As large as the store, not as the history: what has been erased is not in it.
    """
    CREATE INDEX jobs_by_render ON jobs (tenant_id, render_digest, state, finished_at DESC)
        WHERE render_digest IS NOT NULL AND state IN ('succeeded', 'failed') AND artifact_erased_at IS NULL
    """,
    # Who loads a link that is being rendered waits for that job: there is no second one.
    """
    CREATE UNIQUE INDEX jobs_of_links ON jobs (tenant_id, render_digest)
        WHERE of_link AND state IN ('queued', 'running')
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
