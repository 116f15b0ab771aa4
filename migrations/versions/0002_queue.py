"""For the queue: expiry, caps and weights of tenants, quarantine, webhooks, batches, pause.

A trigger runs for each end of a job, whether a worker, the sweeper or its owner ends it. So the webhook and
the retention are always set, and no ended job can change its state.
"""

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS: Final = (
    # weight: the tenant's share of the fleet under load. max_running, max_queued: null means the setting.
    """
    ALTER TABLE tenants
        ADD COLUMN weight       real NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0.01 AND 100),
        ADD COLUMN max_queued   integer CHECK (max_queued >= 0),
        ADD COLUMN max_running  integer CHECK (max_running >= 1)
    """,
    # parked: the job is queued, but not in Redis, because its tenant has as many running jobs as it may have.
    # erase_at: when the artifact is erased; set when the job ends. unchanged: the picture of a scheduled job
    # equals the last one.
    """
    ALTER TABLE jobs
        ADD COLUMN parked              boolean NOT NULL DEFAULT false,
        ADD COLUMN webhook_url         text,
        ADD COLUMN retention_s         integer NOT NULL DEFAULT 604800,
        ADD COLUMN erase_at            timestamptz,
        ADD COLUMN artifact_erased_at  timestamptz,
        ADD COLUMN quarantined_at      timestamptz,
        ADD COLUMN retry_of            uuid,
        ADD COLUMN schedule_id         uuid,
        ADD COLUMN scheduled_for       timestamptz,
        ADD COLUMN unchanged           boolean,
        ADD CHECK (NOT parked OR state = 'queued'),
        ADD CHECK (quarantined_at IS NULL OR state = 'failed')
    """,
    "CREATE INDEX jobs_parked ON jobs (tenant_id, queued_at) WHERE parked",
    "CREATE INDEX jobs_running_of_tenant ON jobs (tenant_id) WHERE state = 'running'",
    "CREATE INDEX jobs_queued_of_tenant ON jobs (tenant_id) WHERE state = 'queued'",
    "CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL",
    "CREATE INDEX jobs_erasable ON jobs (erase_at) WHERE erase_at IS NOT NULL",
    "CREATE INDEX jobs_quarantined ON jobs (tenant_id, id DESC) WHERE quarantined_at IS NOT NULL",
    # One row per message; its attempts are in webhook_attempts. The payload is made from the job's row when
    # the message is sent: the row of an ended job only changes when its artifact is erased.
    "DROP TABLE webhook_outbox",
    """
    CREATE TABLE webhook_outbox (
        id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        job_id           uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
        tenant_id        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        url              text NOT NULL,
        state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
        attempt          integer NOT NULL DEFAULT 0,
        next_attempt_at  timestamptz NOT NULL DEFAULT now(),
        ended_at         timestamptz,
        created_at       timestamptz NOT NULL DEFAULT now(),
        CHECK ((state = 'pending') = (ended_at IS NULL))
    )
    """,
    "CREATE INDEX webhook_outbox_due ON webhook_outbox (next_attempt_at) WHERE state = 'pending'",
    "CREATE INDEX webhook_outbox_of_job ON webhook_outbox (job_id)",
    """
    CREATE FUNCTION job_changes_state() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state NOT IN ('queued', 'running') THEN
            RAISE EXCEPTION 'job % has ended as % and cannot become %', OLD.id, OLD.state, NEW.state;
        END IF;
        IF NEW.state NOT IN ('queued', 'running') THEN
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
    """
    CREATE TRIGGER job_changes_state BEFORE UPDATE OF state ON jobs
        FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state
                           AND (NEW.state NOT IN ('queued', 'running')
                                OR OLD.state NOT IN ('queued', 'running')))
        EXECUTE FUNCTION job_changes_state()
    """,
    # The same key and body give the same batch. The keys of its jobs are derived from the key of the batch.
    """
    CREATE TABLE batches (
        tenant_id        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        idempotency_key  text NOT NULL,
        digest           bytea NOT NULL,
        created_at       timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, idempotency_key)
    )
    """,
    "CREATE INDEX batches_by_age ON batches (created_at)",
    # One row: whether the fleet is paused.
    """
    CREATE TABLE fleet (
        only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        paused_at  timestamptz,
        reason     text
    )
    """,
    "INSERT INTO fleet DEFAULT VALUES",
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
