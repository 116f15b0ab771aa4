"""Very many jobs of one tenant, written straight into the database."""

from typing import Final

# Arguments: the tenant, how many, their schedule (or null), and how long one is older than the next. Of ten,
# six have succeeded, one has failed, one was cancelled, one runs and one waits for tomorrow. Ids are those of
# their times, as of real jobs. There are fifty hosts, each of which has jobs of one state alone.
FILL: Final = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, state, attempt, created_at,
                      queued_at, run_after, started_at, finished_at, lease_until, host, format, artifact_key,
                      artifact, artifact_erased_at, page, error_type, error_detail, schedule_id,
                      scheduled_for)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
            || lpad(to_hex(n), 16, '8'))::uuid,
           $1, json_build_object('url', 'https://' || host || '/pages/' || n), '\\x00', 3, state,
           CASE WHEN state IN ('queued', 'cancelled') THEN 0 ELSE 1 END, at, at,
           CASE state WHEN 'queued' THEN now() + interval '1 day' ELSE at END,
           CASE WHEN state NOT IN ('queued', 'cancelled') THEN at END,
           CASE WHEN state NOT IN ('queued', 'running') THEN at + interval '1 s' END,
           CASE state WHEN 'running' THEN now() + interval '1 day' END, host, 'png',
           CASE state WHEN 'succeeded' THEN 'gone' END,
           CASE state WHEN 'succeeded' THEN json_build_object('content_type', 'image/png', 'width_px', 1280,
               'height_px', 720, 'size_bytes', 9000, 'sha256', repeat('0', 64)) END,
           CASE state WHEN 'succeeded' THEN now() END,
           json_build_object('title', 'Page ' || n, 'http_status', 200),
           CASE state WHEN 'failed' THEN 'tls_error' END,
           CASE state WHEN 'failed' THEN 'its certificate is over' END, $3::uuid,
           CASE WHEN $3::uuid IS NOT NULL THEN at END
    FROM (SELECT n, now() - n * $4::interval AS at, 'shop-' || n % 50 || '.example' AS host,
                 CASE n % 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'queued' WHEN 2 THEN 'running'
                             WHEN 3 THEN 'cancelled' ELSE 'succeeded' END AS state
          FROM generate_series(1, $2::integer) AS n) AS made
"""
