"""Job ids on their way from Postgres through Redis to a worker, and whose turn is next."""
