"""Log lines, metrics, traces, and the check whether Postgres, Redis and S3 answer."""
