"""renderfleet's client: web pages become pictures and PDFs.

    with Client() as renderfleet:
        renderfleet.screenshot("https://example.com", full_page=True).save("example.png")

`docs/client.md` of renderfleet is its manual, and `renderfleet.errors` has all exceptions.
"""

from typing import TYPE_CHECKING, Any

from renderfleet.blocking.client import Client
from renderfleet.errors import (
    ApiError,
    BatchRefused,
    JobFailed,
    NotConfigured,
    RenderfleetError,
    ServerUnreachable,
    SignatureInvalid,
    UnexpectedAnswer,
    WaitingEnded,
)
from renderfleet.http.transport import VERSION
from renderfleet.models.jobs import Job
from renderfleet.options import RenderOptions
from renderfleet.shot import Shot
from renderfleet.signed_links import signed_link
from renderfleet.webhook_signature import verify_webhook

if TYPE_CHECKING:
    from renderfleet.asynchronous.client import AsyncClient

__version__ = VERSION

__all__ = [
    "ApiError",
    "AsyncClient",
    "BatchRefused",
    "Client",
    "Job",
    "JobFailed",
    "NotConfigured",
    "RenderOptions",
    "RenderfleetError",
    "ServerUnreachable",
    "Shot",
    "SignatureInvalid",
    "UnexpectedAnswer",
    "WaitingEnded",
    "__version__",
    "signed_link",
    "verify_webhook",
]


def __getattr__(name: str) -> Any:
    """`AsyncClient`, when somebody asks for it: loading asyncio is a fifth of a command's start."""
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from renderfleet.asynchronous.client import AsyncClient  # noqa: PLC0415 - the reason is above

    return AsyncClient
