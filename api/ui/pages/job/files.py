"""The files of a job below `/ui`, where the cookie of the session is valid: the API's own answers.

A page may show pictures only of its own origin, and `/v1` does not take the cookie.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.dependencies import OpenDependencies
from api.http.path_ids import JobId
from api.routes.jobs.files.artifact import ArtifactParameters, read_artifact
from api.routes.jobs.files.evidence import read_evidence
from api.routes.jobs.files.thumbnail import ThumbnailParameters, read_thumbnail
from api.routes.jobs.jobs import ReadParameters, read_job
from api.ui.dashboard_page import ROOT
from api.ui.viewer import Reading

# Through this process: the store is another origin.
_DIRECT: Final = ArtifactParameters(proxy=True)

router = APIRouter(prefix=f"{ROOT}/jobs/{{job_id}}")


@router.get("/thumbnail")
async def show_thumbnail(
    viewer: Reading,
    job_id: JobId,
    dependencies: OpenDependencies,
    parameters: Annotated[ThumbnailParameters, Query()],
) -> Response:
    """A small picture."""
    return await read_thumbnail(viewer.request, job_id, viewer.tenant, dependencies, parameters)


@router.get("/artifact")
async def show_artifact(viewer: Reading, job_id: JobId, dependencies: OpenDependencies) -> Response:
    """The artifact. Of a stranger's page, so no browser shows its HTML as a page of ours: it is saved."""
    return await read_artifact(viewer.request, job_id, viewer.tenant, dependencies, _DIRECT)


@router.get("/evidence")
async def show_evidence(viewer: Reading, job_id: JobId, dependencies: OpenDependencies) -> Response:
    """The evidence, to be saved."""
    return await read_evidence(viewer.request, job_id, viewer.tenant, dependencies, _DIRECT)


@router.get("/json")
async def show_document(viewer: Reading, job_id: JobId, dependencies: OpenDependencies) -> Response:
    """The job document, as `GET /v1/jobs/{id}` answers it."""
    return await read_job(viewer.request, job_id, viewer.tenant, dependencies, ReadParameters())
