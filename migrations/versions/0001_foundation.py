"""Tenants, API keys, jobs, attempts, workers and the webhook outbox.

The tables are made for the queue: Postgres decides which worker runs which job (claim, lease, fence), and
Redis only passes ids on.
"""

from typing import Final

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS: Final = (
    """
    CREATE TABLE tenants (
        id          uuid PRIMARY KEY,
        name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
        created_at  timestamptz NOT NULL DEFAULT now()
    )
    """,
    # A key is written as rf_<id>_<secret>. Only the SHA-256 of the secret is stored: a secret of 256 random
    # bits needs no slow hash.
    """
    CREATE TABLE api_keys (
        id             text PRIMARY KEY,
        tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        name           text NOT NULL,
        secret_sha256  bytea NOT NULL CHECK (length(secret_sha256) = 32),
        scopes         text[] NOT NULL,
        created_at     timestamptz NOT NULL DEFAULT now(),
        revoked_at     timestamptz
    )
    """,
    "CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id)",
    # One row per worker process. A worker that has ended does not update its row any more.
    """
    CREATE TABLE workers (
        id                   uuid PRIMARY KEY,
        hostname             text NOT NULL,
        pid                  integer NOT NULL,
        slots                integer NOT NULL,
        busy                 integer NOT NULL DEFAULT 0,
        browser_generation   integer NOT NULL DEFAULT 0,
        browser_launched_at  timestamptz,
        started_at           timestamptz NOT NULL DEFAULT now(),
        last_seen_at         timestamptz NOT NULL DEFAULT now(),
        stopped_at           timestamptz
    )
    """,
    "CREATE INDEX workers_by_last_seen ON workers (last_seen_at)",
    # attempt is a fence: each claim increases it, and only the worker with the current value may finish the
    # job. dispatch is the number of the job's entry in Redis. failure_count and crash_count are separate,
    # because a browser that crashes also ends jobs that did not cause it. A stopping worker puts jobs back
    # without increasing either.
    """
    CREATE TABLE jobs (
        id                    uuid PRIMARY KEY,
        tenant_id             uuid NOT NULL REFERENCES tenants,
        state                 text NOT NULL DEFAULT 'queued' CHECK (state IN
                              ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
        request               json NOT NULL,
        request_digest        bytea NOT NULL,
        idempotency_key       text,
        external_id           text,
        priority              smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
        attempt               integer NOT NULL DEFAULT 0,
        max_attempts          integer NOT NULL,
        failure_count         integer NOT NULL DEFAULT 0,
        crash_count           integer NOT NULL DEFAULT 0,
        dispatch              integer NOT NULL DEFAULT 1,
        dispatched_at         timestamptz,
        run_after             timestamptz NOT NULL DEFAULT now(),
        lease_until           timestamptz,
        cancel_requested      boolean NOT NULL DEFAULT false,
        worker_id             uuid,
        browser_generation    integer,
        created_at            timestamptz NOT NULL DEFAULT now(),
        queued_at             timestamptz NOT NULL DEFAULT now(),
        started_at            timestamptz,
        finished_at           timestamptz,
        expires_at            timestamptz,
        artifact_key          text,
        artifact              json,
        error_type            text,
        error_detail          text,
        page                  json,
        timings_ms            json,
        memory_peak_bytes     bigint,
        warnings              json,
        CHECK ((state = 'running') = (lease_until IS NOT NULL)),
        CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
        CHECK ((state = 'succeeded') = (artifact_key IS NOT NULL)),
        CHECK ((state = 'failed') = (error_type IS NOT NULL))
    ) WITH (fillfactor = 80)
    """,
    # Calls of one tenant with the same key get the same job, also when they arrive at the same time.
    """
    CREATE UNIQUE INDEX jobs_idempotency ON jobs (tenant_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL
    """,
    # For lists, newest first: ids are UUIDv7, which sort by time (RFC 9562, section 5.7).
    "CREATE INDEX jobs_of_tenant ON jobs (tenant_id, id DESC)",
    "CREATE INDEX jobs_of_tenant_by_state ON jobs (tenant_id, state, id DESC)",
    # The indexes for the queue contain only open jobs, so they stay small with ten million ended jobs.
    "CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running'",
    "CREATE INDEX jobs_queued ON jobs (queued_at) WHERE state = 'queued'",
    "CREATE INDEX jobs_dispatched ON jobs (dispatched_at, run_after) WHERE state = 'queued'",
    """
    CREATE TABLE attempts (
        job_id              uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
        attempt             integer NOT NULL,
        worker_id           uuid NOT NULL,
        browser_generation  integer,
        started_at          timestamptz NOT NULL DEFAULT now(),
        finished_at         timestamptz,
        outcome             text CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'expired',
                                                    'retried', 'handed_back', 'lost')),
        error_type          text,
        error_detail        text,
        PRIMARY KEY (job_id, attempt)
    )
    """,
    # Rows are added in the transaction that ends a job. The sender of webhooks came later (0003).
    """
    CREATE TABLE webhook_outbox (
        id               uuid PRIMARY KEY,
        job_id           uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
        url              text NOT NULL,
        payload          json NOT NULL,
        attempt          integer NOT NULL DEFAULT 0,
        next_attempt_at  timestamptz NOT NULL DEFAULT now(),
        delivered_at     timestamptz,
        created_at       timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX webhook_outbox_due ON webhook_outbox (next_attempt_at) WHERE delivered_at IS NULL",
    "CREATE INDEX webhook_outbox_of_job ON webhook_outbox (job_id)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
