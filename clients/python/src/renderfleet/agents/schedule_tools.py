"""Tools about schedules. They are there only if the user allows it: a schedule renders for ever."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations
from pydantic import Field

from renderfleet.agents.failures import told
from renderfleet.agents.sessions import Sessions
from renderfleet.agents.words import quoted
from renderfleet.models.schedules import Schedule

_ScheduleId = Annotated[str, Field(description="The id of a schedule.")]


def add_schedule_tools(server: MCPServer[Any], sessions: Sessions) -> None:
    """Add them to a server."""

    @server.tool(
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False), structured_output=False
    )
    async def schedules(context: Context[Any, Any]) -> str:
        """List the schedules, the newest first, at most 50."""
        lines: list[str] = []
        with told():
            async with sessions.client(context) as client:
                async for found in client.schedules.iter():
                    lines.append(_in_words(found))
                    if len(lines) == 50:  # noqa: PLR2004 - as its description says
                        break
        return "\n".join(lines) or "There are no schedules."

    @server.tool(
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
        structured_output=False,
    )
    async def add_schedule(
        context: Context[Any, Any],
        *,
        url: Annotated[str, Field(description="Address of the page.")],
        cron: Annotated[str, Field(description="When, such as `0 9 * * MON-FRI`.")],
        name: Annotated[str, Field(description="A name for people.")],
        timezone: Annotated[str, Field(description="For cron, such as Europe/Berlin.")] = "UTC",
        full_page: Annotated[bool, Field(description="The whole page instead of the window.")] = False,
    ) -> str:
        """Take a picture of a page at the times of a cron expression, until somebody disables it."""
        wanted = {"url": url, "full_page": full_page}
        with told():
            async with sessions.client(context) as client:
                return _in_words(await client.schedules.create(cron, wanted, name=name, timezone=timezone))

    @server.tool(
        annotations=ToolAnnotations(
            read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
        ),
        structured_output=False,
    )
    async def switch_schedule(
        context: Context[Any, Any],
        *,
        schedule_id: _ScheduleId,
        enabled: Annotated[
            bool, Field(description="false: it makes no more jobs; true: it makes jobs again.")
        ],
    ) -> str:
        """Disable or enable a schedule."""
        with told():
            async with sessions.client(context) as client:
                switch = client.schedules.enable if enabled else client.schedules.disable
                return _in_words(await switch(schedule_id))


def _in_words(found: Schedule) -> str:
    state = "enabled" if found.enabled else "disabled"
    following = f", next at {found.next_fires[0]:%Y-%m-%dT%H:%M:%SZ}" if found.next_fires else ""
    source = str((found.job or {}).get("url") or "html")
    error = "" if found.last_error is None else f", last error {found.last_error.type}"
    return (
        f"Schedule {found.id} {quoted(found.name or '')}: {quoted(source)} at {quoted(found.cron)} "
        f"({found.timezone}), {state}{following}{error}"
    )
