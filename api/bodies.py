"""Request bodies: JSON only, uncompressed, counted while they stream in and never held beyond the limit."""

import asyncio
from typing import Final

from starlette.requests import Request

from api.problems import RefusedError
from fleet.errors import ErrorType

JSON: Final = "application/json"


async def read_json_body(request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
    """The raw body of a request that declares JSON.

    Raises:
        RefusedError: another media type or encoding (415), more than `max_bytes` (413; a declared length is
            enough, then nothing is read), or not all of it arrived within `timeout_s` seconds.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    _check_media_type(request)
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    count = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                count += len(chunk)
                if count > max_bytes:
                    raise _too_large(max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise RefusedError(
            ErrorType.INVALID_REQUEST,
            f"the body did not arrive within {timeout_s:g} s",
            headers={"Connection": "close"},
        ) from None
    return b"".join(chunks)


def _check_media_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != JSON:
        raise RefusedError(
            ErrorType.UNSUPPORTED_MEDIA_TYPE,
            f"the body must be JSON: send `Content-Type: {JSON}`",
            headers={"Accept-Post": JSON},
        )
    charset = parameters.strip().lower().partition("charset=")[2].strip('"')
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise RefusedError(
            ErrorType.UNSUPPORTED_MEDIA_TYPE, "JSON must be UTF-8", headers={"Accept-Post": JSON}
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise RefusedError(
            ErrorType.UNSUPPORTED_MEDIA_TYPE,
            "compressed bodies are not accepted: send it without `Content-Encoding`",
            headers={"Accept-Encoding": "identity"},
        )


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(ErrorType.BODY_TOO_LARGE, f"the body may be {max_bytes:,} bytes long at most")
