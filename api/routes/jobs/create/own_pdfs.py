"""Refuses a request at once that names jobs whose PDFs cannot be used."""

from uuid import UUID

from api.dependencies import Dependencies
from api.http.problems import refused_field
from fleet.jobs.files.own_pdfs import UnusableJobError, find_own_pdfs
from fleet.render.request import RenderRequest
from fleet.tenants.tenant import Tenant


async def require_own_pdfs(dependencies: Dependencies, tenant: Tenant, render: RenderRequest) -> None:
    """Do nothing if each job that the request names (`pdf.prepend` and others) has a PDF.

    The worker looks again: until it does, a PDF may have been erased.

    Raises:
        RefusedError: one has none; names the field.
        UnavailableError: Postgres does not answer.
    """
    if render.pdf is None:
        return
    fields: dict[UUID, str] = {}
    for name, part in render.pdf.parts.items():
        if part.job is not None:
            fields.setdefault(part.job, f"{name}.job")
    if not fields:
        return
    try:
        await find_own_pdfs(dependencies.database, list(fields), tenant_id=tenant.id)
    except UnusableJobError as error:
        raise refused_field(fields[error.job_id], str(error)) from None
