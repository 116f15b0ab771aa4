"""Tools that make pictures and documents, and look at them."""

import base64
from typing import Annotated, Any, Final, Literal, TypeAlias

import httpx2
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ImageContent, TextContent, ToolAnnotations
from pydantic import Field

from renderfleet.agents import words
from renderfleet.agents.failures import told
from renderfleet.agents.pictures import (
    FULL_BYTES,
    FULL_SIDE,
    PREVIEW_SIDE,
    NotShownError,
    ShownPicture,
    shown,
)
from renderfleet.agents.sessions import Sessions
from renderfleet.asynchronous.client import AsyncClient
from renderfleet.errors import ServerUnreachable
from renderfleet.models.jobs import Job

Answer: TypeAlias = list[TextContent | ImageContent]
# Below the minute after which many clients give a tool up.
_WAIT_S: Final = 50.0
_DOWNLOAD_TIMEOUT_S: Final = 60.0

Url: TypeAlias = Annotated[str | None, Field(description="Address of the page; or give html.")]
Html: TypeAlias = Annotated[str | None, Field(description="The page itself, up to 2 MiB, instead of url.")]
Place: TypeAlias = Annotated[int, Field(ge=0, description="In pixels of the whole picture.")]
Side: TypeAlias = Annotated[
    int | None,
    Field(ge=1, le=PREVIEW_SIDE, description="In pixels. Without width and height: all of it, made smaller."),
]
JobId: TypeAlias = Annotated[str, Field(description="The id of a job.")]


def add_render_tools(server: MCPServer[Any], sessions: Sessions) -> None:
    """Add them to a server."""
    making = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
    looking = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(annotations=making, structured_output=False)
    async def screenshot(
        context: Context[Any, Any],
        *,
        url: Url = None,
        html: Html = None,
        width: Annotated[int, Field(ge=1, le=4096, description="Of the window, in CSS pixels.")] = 1280,
        height: Annotated[int, Field(ge=1, le=4096, description="Of the window, in CSS pixels.")] = 720,
        full_page: Annotated[bool, Field(description="The whole page instead of the window.")] = False,
        inline: Annotated[
            Literal["preview", "full", "none"],
            Field(
                description="preview: small enough for most contexts; full: in full size, which takes room."
            ),
        ] = "preview",
    ) -> Answer:
        """Take a picture of a web page. The picture is kept: `look` shows pieces of it in full size."""
        wanted = {
            "url": url,
            "html": html,
            "viewport": {"width": width, "height": height},
            "full_page": full_page,
        }
        with told():
            async with sessions.client(context) as client:
                job = await _rendered(client, wanted)
                picture = await _picture(client, job, inline)
        return _answer(f"Picture {_name(job)}", job, picture)

    @server.tool(annotations=making, structured_output=False)
    async def pdf(
        context: Context[Any, Any],
        *,
        url: Url = None,
        html: Html = None,
        paper: Annotated[str, Field(description="A4, Letter, A3 and so on.")] = "A4",
        landscape: Annotated[bool, Field(description="Wider than high.")] = False,
    ) -> Answer:
        """Print a web page as PDF; the answer has a link to it."""
        paper_options = {"format": paper, "landscape": landscape}
        with told():
            async with sessions.client(context) as client:
                job = await _rendered(
                    client, {"url": url, "html": html, "format": "pdf", "pdf": paper_options}
                )
        return _answer(f"PDF {_name(job)}", job, None)

    @server.tool(annotations=looking, structured_output=False)
    async def look(
        context: Context[Any, Any],
        *,
        job_id: JobId,
        x: Place = 0,
        y: Place = 0,
        width: Side = None,
        height: Side = None,
    ) -> Answer:
        """Look at the picture of a job again: at a piece of it in full size, or at all of it."""
        with told():
            async with sessions.client(context) as client:
                job = await client.jobs.succeed(job_id, timeout_s=_WAIT_S)
                content = await _content(client, job)
            if width is None and height is None and not (x or y):
                picture = await shown(content)
            else:
                box = (x, y, x + (width or PREVIEW_SIDE), y + (height or PREVIEW_SIDE))
                picture = await shown(content, box=box)
        return _answer(f"Picture {_name(job)}", job, picture)

    @server.tool(annotations=making, structured_output=False)
    async def compare(
        context: Context[Any, Any],
        job_a: Annotated[str, Field(description="The job of the older picture.")],
        job_b: Annotated[str, Field(description="The job of the newer picture.")],
    ) -> Answer:
        """Say how the picture of job_b differs from that of job_a, with a picture of the difference."""
        with told():
            async with sessions.client(context) as client:
                found = await client.jobs.compare(job_b, job_a)
            method = f"(method {found.method}, equal up to {found.threshold:g})"
            lines = [
                f"{job_b} compared with {job_a}: {'equal' if found.equal else 'different'}",
                f"Distance: {_figure(found.distance)} {method}",
                f"Share of the pixels that a person can see to differ: {_figure(found.share)}",
            ]
            if found.sizes_differ:
                lines.append("The pictures have different sizes.")
            boxes = [f"({one.x}, {one.y}, {one.width} x {one.height})" for one in found.boxes[:20]]
            if boxes:
                lines.append(f"Places that differ, as (x, y, width x height): {', '.join(boxes)}")
            picture = None
            if found.difference is not None and found.difference.url is not None:
                picture = await shown(await _fetched(found.difference.url))
                lines.append(f"The difference picture: {picture.in_words}")
        return _contents("\n".join(lines), picture)


async def _rendered(client: AsyncClient, wanted: dict[str, Any]) -> Job:
    request = {name: value for name, value in wanted.items() if value is not None}
    return await client.jobs.succeed(await client.jobs.submit(request), timeout_s=_WAIT_S)


async def _picture(client: AsyncClient, job: Job, inline: str) -> ShownPicture | None:
    if inline == "none":
        return None
    content = await _content(client, job)
    if inline == "full":
        return await shown(content, most_side=FULL_SIDE, most_bytes=FULL_BYTES)
    return await shown(content)


async def _content(client: AsyncClient, job: Job) -> bytes:
    if job.artifact is not None and not job.artifact.content_type.startswith("image/"):
        raise NotShownError(f"the job {job.id} has made no picture, but {job.artifact.content_type}")
    return await client.jobs.artifact(job)


async def _fetched(url: str) -> bytes:
    """What is at a presigned address. It gets no API key: it may be another server."""
    try:
        async with httpx2.AsyncClient(timeout=_DOWNLOAD_TIMEOUT_S) as http:
            return (await http.get(url)).raise_for_status().content
    except httpx2.HTTPError as error:
        raise ServerUnreachable(f"the difference picture cannot be fetched: {error}") from error


def _figure(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}"


def _name(job: Job) -> str:
    return f"of {words.of_source(job)}, job {job.id}"


def _answer(title: str, job: Job, picture: ShownPicture | None) -> Answer:
    lines = [title]
    if job.artifact is not None:
        lines.append(words.of_artifact(job.artifact))
    if picture is not None:
        lines.append(picture.in_words)
    lines += words.of_page(job)
    return _contents("\n".join(lines), picture)


def _contents(text: str, picture: ShownPicture | None) -> Answer:
    contents: Answer = [TextContent(type="text", text=text)]
    if picture is not None:
        data = base64.b64encode(picture.data).decode()
        contents.append(ImageContent(type="image", data=data, mime_type=picture.content_type))
    return contents
