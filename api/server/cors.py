"""Web pages of other origins that may call the API (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What callers send beside what Fetch calls safelisted, and what their scripts may read of an answer.
_SENT: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-API-Key",
    "X-Request-ID",
)
_READ: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Renderfleet-Error",
    "Retry-After",
    "X-Request-ID",
)
_PREFLIGHT_S: Final = 600  # how long a browser remembers that it may; Chromium allows two hours


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Answer pages of these origins, without cookies: the key of a call has to be in it.

    With no origins nothing is added, and browsers show our answers to no other site's script.
    """
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=False,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_READ,
            max_age=_PREFLIGHT_S,
        )
