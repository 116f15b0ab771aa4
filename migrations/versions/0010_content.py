"""What a page was made of, apart from credentials: it stays until the artifact of its job is erased.

Credentials are still erased by the statement that ends a job. Jobs of the previous release have both in
`secrets`, so theirs is erased at the end. The previous release erases `content` too: the trigger does it.
"""

from typing import Final

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS: Final = (
    # content_sealed_by: the id of the key, as `sealed_by` (0007). A trigger sets it: for a generated column
    # Postgres would write ten million rows anew.
    """
    ALTER TABLE jobs
        ADD COLUMN content            bytea,
        ADD COLUMN content_sealed_by  bytea
    """,
    # Encrypted bytes cannot be compressed, so Postgres does not try.
    "ALTER TABLE jobs ALTER COLUMN content SET STORAGE EXTERNAL",
    # That an open job has sealed fields exactly if it has secrets (0007): content counts as well now.
    """
    DO $$
    DECLARE
        old name;
    BEGIN
        SELECT conname INTO STRICT old FROM pg_constraint
        WHERE conrelid = 'jobs'::regclass AND contype = 'c'
          AND pg_get_constraintdef(oid) LIKE '%sealed_fields%';
        EXECUTE format('ALTER TABLE jobs DROP CONSTRAINT %I', old);
    END
    $$
    """,
    # NOT VALID: existing rows have no content, so that they need not be read. New ones are checked.
    """
    ALTER TABLE jobs
        ADD CONSTRAINT jobs_content_sealed_by FOREIGN KEY (content_sealed_by) REFERENCES secret_keys
            NOT VALID,
        ADD CONSTRAINT jobs_name_sealed_fields CHECK (
            finished_at IS NOT NULL OR (secrets IS NULL AND content IS NULL) = (sealed_fields IS NULL)
        ) NOT VALID,
        ADD CONSTRAINT jobs_are_erased_without_content CHECK (artifact_erased_at IS NULL OR content IS NULL)
            NOT VALID,
        ADD CONSTRAINT jobs_know_key_of_content CHECK (
            content_sealed_by IS NOT DISTINCT FROM substring(content FROM 2 FOR 8)
        ) NOT VALID
    """,
    # For the rotation, and for checking that a key that is to be retired is not used.
    "CREATE INDEX jobs_of_content_key ON jobs (content_sealed_by) WHERE content_sealed_by IS NOT NULL",
    """
    CREATE FUNCTION job_content_changes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.artifact_erased_at IS NOT NULL THEN
            NEW.content = NULL;
        END IF;
        NEW.content_sealed_by = substring(NEW.content FROM 2 FOR 8);
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER job_gets_content BEFORE INSERT ON jobs
        FOR EACH ROW WHEN (NEW.content IS NOT NULL) EXECUTE FUNCTION job_content_changes()
    """,
    """
    CREATE TRIGGER job_content_changes BEFORE UPDATE OF content, artifact_erased_at ON jobs
        FOR EACH ROW WHEN (OLD.content IS NOT NULL OR NEW.content IS NOT NULL)
        EXECUTE FUNCTION job_content_changes()
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
