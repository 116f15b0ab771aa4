"""Tools that tell of jobs and the fleet, and run or end jobs."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from renderfleet.agents import words
from renderfleet.agents.failures import told
from renderfleet.agents.render_tools import JobId
from renderfleet.agents.sessions import Sessions
from renderfleet.models.jobs import Job


def add_job_tools(server: MCPServer[Any], sessions: Sessions) -> None:
    """Add them to a server."""
    reading = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(annotations=reading, structured_output=False)
    async def jobs(
        context: Context[Any, Any],
        status: Annotated[
            Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"] | None,
            Field(description="Only jobs with this status."),
        ] = None,
        host: Annotated[str | None, Field(description="Only jobs of pages of this host.")] = None,
        limit: Annotated[int, Field(ge=1, le=20, description="How many at most.")] = 10,
    ) -> str:
        """List jobs, the newest first: id, status, what was rendered, when it was accepted, error."""
        with told():
            async with sessions.client(context) as client:
                lines = [
                    words.one_line(found)
                    async for found in client.jobs.iter(status=status, host=host, limit=limit)
                ]
        return "\n".join(lines) or "There are no such jobs."

    @server.tool(annotations=reading, structured_output=False)
    async def job(context: Context[Any, Any], job_id: JobId) -> str:
        """Tell what is known of a job: status, page, warnings, times, error, link."""
        with told():
            async with sessions.client(context) as client:
                return _in_words(await client.jobs.get(job_id))

    @server.tool(
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
        structured_output=False,
    )
    async def retry(context: Context[Any, Any], job_id: JobId) -> str:
        """Run a job that failed, was cancelled or expired again, as a new job."""
        with told():
            async with sessions.client(context) as client:
                return f"A new job does the same again.\n{_in_words(await client.jobs.retry(job_id))}"

    @server.tool(
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
        structured_output=False,
    )
    async def cancel(context: Context[Any, Any], job_id: JobId) -> str:
        """Cancel a job that is queued or running. What it has rendered so far is lost."""
        with told():
            async with sessions.client(context) as client:
                return _in_words(await client.jobs.cancel(job_id))

    @server.tool(annotations=reading, structured_output=False)
    async def fleet(context: Context[Any, Any]) -> str:
        """Tell how the fleet is: workers, slots, jobs that wait or run. Needs a key with the scope admin."""
        with told():
            async with sessions.client(context) as client:
                found = await client.fleet.get()
        state = f"paused ({words.quoted(found.pause_reason or '')})" if found.paused else "running"
        backlog = found.backlog
        lines = [
            f"The fleet is {state}, with {found.slots} slots.",
            f"Queued jobs: {backlog.queued}; the oldest waits for {backlog.oldest_queued_s:.0f} s.",
            f"Running jobs: {backlog.running}.",
        ]
        for worker in found.workers:
            holds = f"; takes no jobs: {'; '.join(worker.holds)}" if worker.holds else ""
            lines.append(f"worker {worker.id}: {worker.busy} of {worker.slots} slots busy{holds}")
        return "\n".join(lines)


def _in_words(found: Job) -> str:
    lines = [f"Job {found.id} is {found.status}.", f"Source: {words.of_source(found)}"]
    if found.artifact is not None:
        lines.append(words.of_artifact(found.artifact))
    if found.error is not None:
        detail = words.quoted(found.error.detail or "")
        lines.append(f"Error: {found.error.type}: {found.error.title}. Detail: {detail}")
    lines += words.of_page(found)
    begun = f"attempt {found.attempt}" if found.attempt else "not begun yet"
    lines.append(f"Accepted at {found.created_at:%Y-%m-%dT%H:%M:%SZ}, {begun}.")
    if found.timings_ms is not None and found.timings_ms.total is not None:
        lines.append(f"The last attempt took {found.timings_ms.total / 1000:.1f} s.")
    return "\n".join(lines)
