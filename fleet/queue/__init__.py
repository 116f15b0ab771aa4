"""The way of a job id from Postgres through Redis to a worker."""
