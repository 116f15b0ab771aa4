"""Rights of the Postgres roles of API and workers: they may read and write rows, but not change tables.

deploy/postgres/roles.sh creates the roles. The owner of the tables runs the migrations, and each run grants
all rights again. So the rights on tables of later versions are set, too.
"""

from collections.abc import Iterator
from typing import Final

# A role that may write these tables could create an API key, or remove the limits of a tenant.
_READ_BY_WORKERS: Final = ("api_keys", "tenants")
# Workers erase the tenants that are named here, and so must not name any.
_ASKED_FOR_BY_API: Final = "tenant_erasures"
_ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"


class MissingRoleError(Exception):
    """A role of the settings does not exist; the message says what to do."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"Postgres has no role {role}. deploy/postgres/roles.sh makes it (docs/operations/hardening.md)."
        )


def grants(*, api_role: str | None, worker_role: str | None) -> Iterator[str]:
    """The statements that grant the rights, in order; none for a role that is not set.

    Args:
        api_role: role of the API and of `python -m fleet.keys`.
        worker_role: role of the workers.
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
        yield f'REVOKE INSERT, DELETE ON {_ASKED_FOR_BY_API} FROM "{worker_role}"'
        # To lock a row (SELECT ... FOR UPDATE), a role needs the right to change one of its columns.
        yield f'GRANT UPDATE (created_at) ON tenants TO "{worker_role}"'
