"""Limits of a tenant: requests per second, renders per month, reachable addresses; expiry of keys."""

from typing import Final

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS: Final = (
    # Null means the setting. The address lists are added to those of the settings; each entry was checked.
    # weight was a real, which stores 0.01, the smallest allowed value, as slightly less than 0.01.
    """
    ALTER TABLE tenants
        ALTER COLUMN weight TYPE double precision USING weight::text::double precision,
        ADD COLUMN max_requests_per_s     double precision CHECK (max_requests_per_s > 0),
        ADD COLUMN burst                  integer CHECK (burst >= 1),
        ADD COLUMN max_renders_per_month  bigint CHECK (max_renders_per_month >= 0),
        ADD COLUMN egress_allow           text[] NOT NULL DEFAULT '{}',
        ADD COLUMN egress_deny            text[] NOT NULL DEFAULT '{}'
    """,
    # last_used_at: accurate to about a minute.
    """
    ALTER TABLE api_keys
        ADD COLUMN expires_at    timestamptz,
        ADD COLUMN last_used_at  timestamptz
    """,
    # How many jobs of a tenant were accepted in a month (UTC). Each connection to Postgres uses a row of its
    # own (shard). With a single row all calls of a tenant would wait for each other's commit.
    """
    CREATE TABLE tenant_months (
        tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        month      date NOT NULL,
        shard      smallint NOT NULL,
        accepted   bigint NOT NULL,
        PRIMARY KEY (tenant_id, month, shard)
    ) WITH (fillfactor = 50)
    """,
    # Counts in the transaction that inserts a job, for a call, a batch, a schedule or a retry.
    """
    CREATE FUNCTION month_counts_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO tenant_months (tenant_id, month, shard, accepted)
        SELECT tenant_id, date_trunc('month', now() AT TIME ZONE 'UTC'), pg_backend_pid() % 32, count(*)
        FROM made GROUP BY tenant_id
        ON CONFLICT (tenant_id, month, shard)
        DO UPDATE SET accepted = tenant_months.accepted + excluded.accepted;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER month_counts_jobs AFTER INSERT ON jobs
        REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION month_counts_jobs()
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
