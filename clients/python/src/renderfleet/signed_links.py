"""Signed links: pictures and PDFs for people without an API key (docs/links.md of renderfleet)."""

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from renderfleet.errors import NotConfigured

SCREENSHOT: Final = "/v1/screenshot"
PDF: Final = "/v1/pdf"
_DERIVATION: Final = b"renderfleet link v1"
_PARTS_OF_A_KEY: Final = 3


def signed_link(
    base: str, path: str, api_key: str, expires: datetime | timedelta, options: Mapping[str, Any]
) -> str:
    """An address that shows what the options say, until it expires.

    Args:
        base: address of the API.
        path: `/v1/screenshot` or `/v1/pdf`.
        api_key: signs it, and is not in it.
        expires: when, or in how much time, it stops working.
        options: of the render; objects and lists are written as links have them.

    Raises:
        NotConfigured: the API key has not the form of one.
    """
    parts = api_key.split("_", 2)
    if len(parts) != _PARTS_OF_A_KEY:
        raise NotConfigured("the API key cannot sign links: it has not the form rf_ID_SECRET")
    parameters = dict(_parameters(options))
    parameters |= {"key": parts[1], "expires": str(_unix_time(expires))}
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters.items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    link_key = hmac.digest(parts[2].encode(), _DERIVATION, hashlib.sha256)
    signature = hmac.digest(link_key, f"{path}?{query}".encode(), hashlib.sha256).hex()
    return f"{base.rstrip('/')}{path}?{query}&signature={signature}"


def _unix_time(expires: datetime | timedelta) -> int:
    if isinstance(expires, timedelta):
        return int(time.time() + expires.total_seconds())
    return int(expires.timestamp())


def _parameters(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Options as parameters: `viewport.width=800`, `a,b`, `true`. None is left out."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _parameters(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(_text(one) for one in value)
    return str(value)


def _encoded(text: str) -> str:
    return quote(text, safe="")
