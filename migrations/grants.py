"""What the roles of API and workers may do: read and write rows, and nothing to the tables themselves.

The roles exist already (deploy/postgres/roles.sh makes them); the owner of the tables runs the migrations and
grants here, each time anew, so that a table of a later version is neither forgotten nor left open.
"""

from collections.abc import Iterator
from typing import Final

# Who could write here could make itself a key, or take away the limits of a tenant.
_READ_BY_WORKERS: Final = ("api_keys", "tenants")
_ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"


class MissingRoleError(Exception):
    """A role that is named does not exist; the words say what to do."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"Postgres has no role {role}. deploy/postgres/roles.sh makes it (docs/operations/hardening.md)."
        )


def grants(*, api_role: str | None, worker_role: str | None) -> Iterator[str]:
    """The statements, in order; none for a role that is not named.

    Args:
        api_role: the API's, and that of `python -m fleet.keys`.
        worker_role: the workers'.
    """
    for role in (api_role, worker_role):
        if role is None:
            continue
        yield f'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{role}"'
        yield f'GRANT USAGE ON SCHEMA public TO "{role}"'
        yield f'GRANT {_ROWS} ON ALL TABLES IN SCHEMA public TO "{role}"'
        yield f'REVOKE ALL ON alembic_version FROM "{role}"'
    if worker_role is not None and worker_role != api_role:
        tables = ", ".join(_READ_BY_WORKERS)
        yield f'REVOKE INSERT, UPDATE, DELETE ON {tables} FROM "{worker_role}"'
        # A row can be locked only by who may change something of it.
        yield f'GRANT UPDATE (created_at) ON tenants TO "{worker_role}"'
