"""Redis, Postgres and S3 as child processes on free ports."""
