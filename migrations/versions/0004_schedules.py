"""Schedules: they make jobs at the times of a cron expression, and keep the last delivered picture."""

from typing import Final

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS: Final = (
    # next_fire_at: when the workers fire it next. revision: rises when the owner changes the schedule, so
    # that a worker does not fire it as it was before. picture: the last picture that was delivered, for the
    # comparison. picture_for: the time for which it was rendered; only a later picture replaces it.
    """
    CREATE TABLE schedules (
        id                 uuid PRIMARY KEY,
        tenant_id          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        name               text,
        cron               text NOT NULL,
        timezone           text NOT NULL,
        request            json NOT NULL,
        deliver            text NOT NULL CHECK (deliver IN ('always', 'when_changed')),
        compare_method     text CHECK (compare_method IN ('pixels', 'perceptual')),
        compare_threshold  double precision,
        enabled            boolean NOT NULL,
        revision           integer NOT NULL DEFAULT 1,
        next_fire_at       timestamptz,
        last_fired_at      timestamptz,
        last_job_id        uuid,
        last_error_type    text,
        last_error_detail  text,
        last_error_at      timestamptz,
        picture            json,
        picture_key        text,
        picture_for        timestamptz NOT NULL DEFAULT now(),
        created_at         timestamptz NOT NULL DEFAULT now(),
        CHECK (enabled = (next_fire_at IS NOT NULL)),
        CHECK ((deliver = 'when_changed') = (compare_method IS NOT NULL)),
        CHECK ((compare_method IS NULL) = (compare_threshold IS NULL)),
        CHECK ((picture IS NULL) = (picture_key IS NULL))
    )
    """,
    "CREATE INDEX schedules_due ON schedules (next_fire_at) WHERE enabled",
    "CREATE INDEX schedules_of_tenant ON schedules (tenant_id, id DESC)",
    # Each time of a schedule must make one job only. The statement that makes the job also changes
    # next_fire_at, which ensures that; this index is a second protection.
    """
    CREATE UNIQUE INDEX jobs_of_fire ON jobs (schedule_id, scheduled_for) WHERE schedule_id IS NOT NULL
    """,
    "CREATE INDEX jobs_of_schedule ON jobs (schedule_id, id DESC) WHERE schedule_id IS NOT NULL",
    # The picture is kept in the transaction that ends the job. If it were kept before, a picture whose worker
    # crashes before the end would count as delivered. If it were kept after, a delivered picture could be
    # delivered again.
    """
    CREATE FUNCTION schedule_keeps_picture() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE schedules
        SET picture = NEW.artifact, picture_key = NEW.artifact_key, picture_for = NEW.scheduled_for
        WHERE id = NEW.schedule_id AND deliver = 'when_changed' AND picture_for < NEW.scheduled_for;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER schedule_keeps_picture AFTER UPDATE OF state ON jobs
        FOR EACH ROW WHEN (NEW.state = 'succeeded' AND NEW.schedule_id IS NOT NULL
                           AND NEW.unchanged IS NOT TRUE)
        EXECUTE FUNCTION schedule_keeps_picture()
    """,
)


def upgrade() -> None:
    """Change the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
