"""Bundles: files that were uploaded for the page of a job. They lie in S3, and their keys here."""

from typing import Final

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS: Final = (
    # data_key: sealed (0007); encrypts the files in S3.
    # erasable_at: then it is looked at, and erased if no job refers to it. Null: a job does.
    """
    CREATE TABLE bundles (
        id           uuid PRIMARY KEY,
        tenant_id    uuid NOT NULL REFERENCES tenants,
        created_at   timestamptz NOT NULL DEFAULT now(),
        data_key     bytea NOT NULL,
        sealed_by    bytea GENERATED ALWAYS AS (substring(data_key FROM 2 FOR 8)) STORED
            CONSTRAINT bundles_sealed_by REFERENCES secret_keys,
        erasable_at  timestamptz DEFAULT now() + interval '1 hour'
    )
    """,
    "CREATE INDEX bundles_erasable ON bundles (erasable_at) WHERE erasable_at IS NOT NULL",
    "CREATE INDEX bundles_of_key ON bundles (sealed_by)",
    # NOT VALID: existing jobs have none, so that they need not be read.
    """
    ALTER TABLE jobs
        ADD COLUMN bundle_id uuid,
        ADD CONSTRAINT jobs_bundle FOREIGN KEY (bundle_id) REFERENCES bundles NOT VALID,
        ADD CONSTRAINT jobs_with_bundle_have_content CHECK (bundle_id IS NULL OR content IS NOT NULL)
            NOT VALID
    """,
    "CREATE INDEX jobs_of_bundle ON jobs (bundle_id) WHERE bundle_id IS NOT NULL",
    # As in 0010, but it also ends the reference to the bundle. Such a job always has content.
    """
    CREATE OR REPLACE FUNCTION job_content_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.artifact_erased_at IS NOT NULL THEN
            UPDATE bundles SET erasable_at = now() WHERE id = NEW.bundle_id;
            NEW.content = NULL;
            NEW.bundle_id = NULL;
        END IF;
        NEW.content_sealed_by = substring(NEW.content FROM 2 FOR 8);
        RETURN NEW;
    END
    $$
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
