"""Secrets of tenants: sealed by keys that the database knows by their ids, and erased when a job ends.

What was in clear is sealed here, by the key of the settings. Digests of then were no keyed ones, so a call
from before is not recognised as the same again.
"""

from typing import Final

import sqlalchemy
from alembic import op

from fleet.settings import DataSettings, load_settings
from fleet.vault import Purpose, SecretOwner, Vault
from fleet.vault.settings import SecretSettings

revision = "0007"
down_revision = "0006"

# A sealed secret names its key in its bytes 2 to 9 (fleet/vault/sealing.py).
_SEALED_BY: Final = "bytea GENERATED ALWAYS AS (substring({0} FROM 2 FOR 8)) STORED"

TABLES: Final = (
    # The keys that something may be sealed by; never the keys themselves.
    """
    CREATE TABLE secret_keys (
        id           bytea PRIMARY KEY CHECK (length(id) = 8),
        enrolled_at  timestamptz NOT NULL DEFAULT now()
    )
    """,
    # sealed_fields: what the request had as secret; stays when the secrets themselves are erased.
    f"""
    ALTER TABLE jobs
        ADD COLUMN secrets        bytea,
        ADD COLUMN sealed_by      {_SEALED_BY.format("secrets")}
            CONSTRAINT jobs_sealed_by REFERENCES secret_keys,
        ADD COLUMN sealed_fields  text[]
    """,
    f"""
    ALTER TABLE schedules
        ADD COLUMN secrets        bytea,
        ADD COLUMN sealed_by      {_SEALED_BY.format("secrets")}
            CONSTRAINT schedules_sealed_by REFERENCES secret_keys,
        ADD COLUMN sealed_fields  text[]
    """,
    """
    ALTER TABLE webhook_endpoints
        ADD COLUMN sealed_secret           bytea,
        ADD COLUMN sealed_previous_secret  bytea
    """,
    # No random bytes get shorter: Postgres need not try.
    "ALTER TABLE jobs ALTER COLUMN secrets SET STORAGE EXTERNAL",
    "ALTER TABLE schedules ALTER COLUMN secrets SET STORAGE EXTERNAL",
)
IN_CLEAR: Final = (
    """
    UPDATE jobs SET request = (request::jsonb - 'html')::json, sealed_fields = '{html}'
    WHERE request::jsonb ? 'html'
    """,
    """
    UPDATE schedules SET request = (request::jsonb - 'html')::json, sealed_fields = '{html}'
    WHERE request::jsonb ? 'html'
    """,
    "UPDATE jobs SET request_digest = sha256(gen_random_uuid()::text::bytea)",
    "UPDATE batches SET digest = sha256(gen_random_uuid()::text::bytea)",
    "ALTER TABLE webhook_endpoints DROP COLUMN secret, DROP COLUMN previous_secret",
    "ALTER TABLE webhook_endpoints RENAME COLUMN sealed_secret TO secret",
    "ALTER TABLE webhook_endpoints RENAME COLUMN sealed_previous_secret TO previous_secret",
)
RULES: Final = (
    f"""
    ALTER TABLE webhook_endpoints
        ALTER COLUMN secret SET NOT NULL,
        ADD COLUMN sealed_by           {_SEALED_BY.format("secret")}
            CONSTRAINT webhook_endpoints_sealed_by REFERENCES secret_keys,
        ADD COLUMN previous_sealed_by  {_SEALED_BY.format("previous_secret")}
            CONSTRAINT webhook_endpoints_previous_sealed_by REFERENCES secret_keys,
        ADD CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
    """,
    """
    ALTER TABLE jobs
        ADD CONSTRAINT jobs_end_without_secrets CHECK (finished_at IS NULL OR secrets IS NULL),
        ADD CHECK (finished_at IS NOT NULL OR (secrets IS NULL) = (sealed_fields IS NULL))
    """,
    "ALTER TABLE schedules ADD CHECK ((secrets IS NULL) = (sealed_fields IS NULL))",
    # For the rotation, and for the retiring of a key.
    "CREATE INDEX jobs_of_key ON jobs (sealed_by) WHERE sealed_by IS NOT NULL",
    "CREATE INDEX schedules_of_key ON schedules (sealed_by) WHERE sealed_by IS NOT NULL",
    "CREATE INDEX webhook_endpoints_of_key ON webhook_endpoints (sealed_by)",
    """
    CREATE INDEX webhook_endpoints_of_previous_key ON webhook_endpoints (previous_sealed_by)
        WHERE previous_sealed_by IS NOT NULL
    """,
    # As in 0002, and with the secrets: whatever ends a job erases them in the same statement.
    """
    CREATE OR REPLACE FUNCTION job_changes_state() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state NOT IN ('queued', 'running') THEN
            RAISE EXCEPTION 'job % has ended as % and cannot become %', OLD.id, OLD.state, NEW.state;
        END IF;
        IF NEW.state NOT IN ('queued', 'running') THEN
            NEW.secrets = NULL;
            NEW.erase_at = now() + make_interval(secs => NEW.retention_s);
            IF NEW.webhook_url IS NOT NULL AND NEW.unchanged IS NOT TRUE THEN
                INSERT INTO webhook_outbox (job_id, tenant_id, url)
                VALUES (NEW.id, NEW.tenant_id, NEW.webhook_url);
            END IF;
        END IF;
        RETURN NEW;
    END
    $$
    """,
)

# What there is to seal: owner and the words in clear; and where it goes.
_CLEAR: Final = (
    (
        Purpose.JOB,
        """
        SELECT id, tenant_id, json_build_object('html', request->>'html')::text FROM jobs
        WHERE finished_at IS NULL AND request::jsonb ? 'html'
        """,
        "UPDATE jobs SET secrets = :sealed WHERE id = :id",
    ),
    (
        Purpose.SCHEDULE,
        """
        SELECT id, tenant_id, json_build_object('html', request->>'html')::text FROM schedules
        WHERE request::jsonb ? 'html'
        """,
        "UPDATE schedules SET secrets = :sealed WHERE id = :id",
    ),
    (
        Purpose.WEBHOOK,
        "SELECT id, tenant_id, secret FROM webhook_endpoints",
        "UPDATE webhook_endpoints SET sealed_secret = :sealed WHERE id = :id",
    ),
    (
        Purpose.WEBHOOK,
        "SELECT id, tenant_id, previous_secret FROM webhook_endpoints WHERE previous_secret IS NOT NULL",
        "UPDATE webhook_endpoints SET sealed_previous_secret = :sealed WHERE id = :id",
    ),
)


def _seal_what_is_in_clear() -> None:
    """Nothing in a new database; then no key is needed either."""
    connection = op.get_bind()
    found = [
        (purpose, row, update)
        for purpose, select, update in _CLEAR
        for row in connection.execute(sqlalchemy.text(select)).all()
    ]
    if not found:
        return
    vault = Vault.open(load_settings(SecretSettings), load_settings(DataSettings).data_dir)
    connection.execute(sqlalchemy.text("INSERT INTO secret_keys (id) VALUES (:id)"), {"id": vault.newest_id})
    for purpose, (subject, tenant_id, words), update in found:
        sealed = vault.seal(words.encode(), owner=SecretOwner(purpose, tenant_id, subject))
        connection.execute(sqlalchemy.text(update), {"id": subject, "sealed": sealed})


def upgrade() -> None:
    """Change the tables, and seal what lies in clear."""
    for statement in TABLES:
        op.execute(statement)
    _seal_what_is_in_clear()
    for statement in (*IN_CLEAR, *RULES):
        op.execute(statement)
