"""Erasing a tenant with all its data: what was asked for, how far it has come, and what it has erased."""

from typing import Final

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS: Final = (
    # It stays when the tenant is gone. stage: what the last step has done. counts: what was erased, as
    # {"jobs": 12}. next_step_at: no worker looks before.
    """
    CREATE TABLE tenant_erasures (
        tenant_id     uuid PRIMARY KEY,
        requested_at  timestamptz NOT NULL DEFAULT now(),
        stage         text NOT NULL DEFAULT 'ending_jobs'
                      CHECK (stage IN ('ending_jobs', 'erasing', 'settling', 'erased')),
        counts        jsonb NOT NULL DEFAULT '{}',
        next_step_at  timestamptz NOT NULL DEFAULT now(),
        finished_at   timestamptz,
        CHECK ((stage = 'erased') = (finished_at IS NOT NULL))
    )
    """,
    "CREATE INDEX tenant_erasures_due ON tenant_erasures (next_step_at) WHERE finished_at IS NULL",
    # The role of the workers may change neither tenants nor keys. It may delete a tenant only in this way:
    # an hour after an operator has asked for that, and when nothing of it is left that refers to it. No
    # worker counts the jobs of a minute meanwhile, so that none counts those of a tenant that is gone.
    """
    CREATE FUNCTION finish_tenant_erasure(erased uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        keys integer;
    BEGIN
        PERFORM FROM history_progress FOR UPDATE;
        IF NOT EXISTS (SELECT FROM tenant_erasures WHERE tenant_id = erased AND finished_at IS NULL
                       AND requested_at < now() - interval '1 hour') THEN
            RETURN NULL;
        END IF;
        DELETE FROM api_keys WHERE tenant_id = erased;
        GET DIAGNOSTICS keys = ROW_COUNT;
        DELETE FROM tenants WHERE id = erased;
        RETURN keys;
    END
    $$
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
