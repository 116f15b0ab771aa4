"""What both transports do alike: httpx2's arguments, and its answers as ours."""

import ssl
from typing import Any, Final

import httpx2

from renderfleet.http.steps import Answer, Broken, Call
from renderfleet.target import Target

VERSION: Final = "0.1.0"
CONNECT_TIMEOUT_S: Final = 10.0


def client_arguments(target: Target) -> dict[str, Any]:
    """Arguments of httpx2's clients."""
    headers = {
        "Authorization": f"Bearer {target.api_key}",
        "User-Agent": f"renderfleet-python/{VERSION}",
        "Accept": "application/json, */*",
    }
    return {
        "base_url": target.url,
        "headers": headers,
        "trust_env": not target.is_here,
        # Reading the machine's certificates takes 25 ms; redirects are not followed, so none is needed here.
        "verify": True if target.url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "follow_redirects": False,  # a key is not carried to where a redirect leads
    }


def request_arguments(call: Call) -> dict[str, Any]:
    """Arguments of httpx2 for one call."""
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        "headers": dict(call.headers),
        "json": call.body,
        "timeout": httpx2.Timeout(call.timeout_s, connect=CONNECT_TIMEOUT_S),
    }


def as_answer(response: httpx2.Response) -> Answer:
    """A response that was read to its end."""
    return Answer(
        response.status_code,
        {name.lower(): text for name, text in response.headers.items()},
        response.content,
    )


def as_broken(error: httpx2.TransportError) -> Broken:
    """A call without a response."""
    never_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    url = error.request.url
    return Broken(
        error,
        may_have_arrived=not isinstance(error, never_sent),
        server=f"{url.scheme}://{url.netloc.decode()}",
    )
