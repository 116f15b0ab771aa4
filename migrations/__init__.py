"""The database schema, forward only: `python -m migrations`."""
