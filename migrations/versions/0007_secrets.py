"""Secrets of tenants: sealed with keys of which the database knows only the ids, and erased when a job ends.

This migration seals existing secrets with the key of the settings. Earlier digests were not keyed and are
replaced. So a call that repeats a call from before this migration is not recognised.

How secrets are sealed, and where their key comes from, is copied here from `fleet/vault` as it was then: a
migration must do the same whatever becomes of the code.
"""

import base64
import contextlib
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

import sqlalchemy
from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

revision = "0007"
down_revision = "0006"

# The id of the key is in bytes 2 to 9 of a sealed secret (fleet/vault/sealing.py).
_SEALED_BY: Final = "bytea GENERATED ALWAYS AS (substring({0} FROM 2 FOR 8)) STORED"

TABLES: Final = (
    # The ids of the keys that may be used; the keys themselves are never stored.
    """
    CREATE TABLE secret_keys (
        id           bytea PRIMARY KEY CHECK (length(id) = 8),
        enrolled_at  timestamptz NOT NULL DEFAULT now()
    )
    """,
    # sealed_fields: which fields of the request were secret; kept when the secrets themselves are erased.
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
    # Encrypted bytes cannot be compressed, so Postgres does not try.
    "ALTER TABLE jobs ALTER COLUMN secrets SET STORAGE EXTERNAL",
    "ALTER TABLE schedules ALTER COLUMN secrets SET STORAGE EXTERNAL",
)
REMOVE_PLAIN_SECRETS: Final = (
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
CONSTRAINTS_AND_INDEXES: Final = (
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
    # For the rotation, and for checking that a key that is to be retired is not used.
    "CREATE INDEX jobs_of_key ON jobs (sealed_by) WHERE sealed_by IS NOT NULL",
    "CREATE INDEX schedules_of_key ON schedules (sealed_by) WHERE sealed_by IS NOT NULL",
    "CREATE INDEX webhook_endpoints_of_key ON webhook_endpoints (sealed_by)",
    """
    CREATE INDEX webhook_endpoints_of_previous_key ON webhook_endpoints (previous_sealed_by)
        WHERE previous_sealed_by IS NOT NULL
    """,
    # As in 0002, but it also erases the secrets in the statement that ends a job.
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

# What to seal: the purpose, a query for the owners and the secrets, and a statement that stores the result.
_PLAIN_SECRETS: Final = (
    (
        "job",
        """
        SELECT id, tenant_id, json_build_object('html', request->>'html')::text FROM jobs
        WHERE finished_at IS NULL AND request::jsonb ? 'html'
        """,
        "UPDATE jobs SET secrets = :sealed WHERE id = :id",
    ),
    (
        "schedule",
        """
        SELECT id, tenant_id, json_build_object('html', request->>'html')::text FROM schedules
        WHERE request::jsonb ? 'html'
        """,
        "UPDATE schedules SET secrets = :sealed WHERE id = :id",
    ),
    (
        "webhook",
        "SELECT id, tenant_id, secret FROM webhook_endpoints",
        "UPDATE webhook_endpoints SET sealed_secret = :sealed WHERE id = :id",
    ),
    (
        "webhook",
        "SELECT id, tenant_id, previous_secret FROM webhook_endpoints WHERE previous_secret IS NOT NULL",
        "UPDATE webhook_endpoints SET sealed_previous_secret = :sealed WHERE id = :id",
    ),
)


def _seal_existing_secrets() -> None:
    """Seal the secrets of existing rows. A new database has none, and then no key is needed."""
    connection = op.get_bind()
    found = [
        (purpose, row, update)
        for purpose, select, update in _PLAIN_SECRETS
        for row in connection.execute(sqlalchemy.text(select)).all()
    ]
    if not found:
        return
    key = _key()
    connection.execute(sqlalchemy.text("INSERT INTO secret_keys (id) VALUES (:id)"), {"id": _key_id(key)})
    for purpose, (subject, tenant_id, words), update in found:
        sealed = _sealed(words.encode(), key, owner=f"{purpose}:{tenant_id}:{subject}".encode())
        connection.execute(sqlalchemy.text(update), {"id": subject, "sealed": sealed})


def _key_id(key: bytes) -> bytes:
    return HKDFExpand(SHA256(), 8, b"renderfleet key id").derive(key)


def _sealed(plain: bytes, key: bytes, *, owner: bytes) -> bytes:
    """AES-256-GCM with a key that is derived for the owner: format, id of the key, nonce, ciphertext."""
    head, nonce = b"\x01" + _key_id(key), secrets.token_bytes(12)
    cipher = AESGCM(HKDFExpand(SHA256(), 32, owner).derive(key))
    return head + nonce + cipher.encrypt(nonce, plain, head + owner)


def _key() -> bytes:
    """The first of RENDERFLEET_SECRET_KEYS, or without any the one in DATA_DIR, made if there is none."""
    file = os.environ.get("RENDERFLEET_SECRET_KEYS_FILE")
    keys = Path(file).read_text("ascii") if file else os.environ.get("RENDERFLEET_SECRET_KEYS", "")
    given = [part.strip() for part in keys.split(",")]
    path = Path(os.environ.get("RENDERFLEET_DATA_DIR") or ".renderfleet") / "secret-key"
    text = next(filter(None, given), None) or _read_or_make(path)
    if not re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", text, re.ASCII):
        sys.exit(
            f"renderfleet: a key in RENDERFLEET_SECRET_KEYS or {path} is not 32 bytes in base64. "
            "See docs/operations/keys.md."
        )
    return base64.b64decode(text.rstrip("=").translate(str.maketrans("-_", "+/")) + "=")


def _read_or_make(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    # An API that starts at the same moment must not see half a file. It may also be faster.
    handle, draft = tempfile.mkstemp(prefix=".secret-key-", dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    Path(draft).unlink()
    return path.read_text("ascii").strip()


def upgrade() -> None:
    """Change the tables, and seal existing secrets."""
    for statement in TABLES:
        op.execute(statement)
    _seal_existing_secrets()
    for statement in (*REMOVE_PLAIN_SECRETS, *CONSTRAINTS_AND_INDEXES):
        op.execute(statement)
