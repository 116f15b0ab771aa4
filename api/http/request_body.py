r"""Request bodies: only JSON, not compressed. They are counted while they arrive, and refused if too large.

Both bytes and values are counted. 4 MiB can contain half a million unknown fields; pydantic makes an error
for each of them, which blocked all other calls for half a second.

Some programs write each `<`, or each letter that is not ASCII, as an escape such as `\u003c`: six bytes for
one. So that all of them can send 2 MiB of HTML, an escape counts as one byte, and what is sent has a larger
limit of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.http.problems import RefusedError, refused_input
from fleet.errors import ErrorType
from fleet.render.options.source import MAX_HTML_BYTES

JSON: Final = "application/json"

ModelT = TypeVar("ModelT", bound=BaseModel)
# A usual request has some dozens of values. To refuse 10,000 wrong ones takes 10 ms.
MAX_VALUES: Final = 10_000
# `data` of a template are rows of a table: 10,000 with five columns. To refuse as many takes 50 ms.
_MAX_VALUES_WITH_DATA: Final = 50_000
_DATA: Final = b'"data"'
_ESCAPE: Final = b"\\u"
# An escape has six bytes and counts as one.
_BYTES_MORE_OF_AN_ESCAPE: Final = 5


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The limits of a body.

    Attributes:
        max_bytes: most bytes, where an escape of six bytes counts as one.
        max_bytes_sent: most bytes as they are sent.
        timeout_s: seconds that the whole body may take to arrive.
        max_values: most JSON values.
    """

    max_bytes: int
    max_bytes_sent: int
    timeout_s: float
    max_values: int = MAX_VALUES

    @classmethod
    def of_one(cls, *, max_bytes: int, timeout_s: float) -> Self:
        """The limits for a body with one request, whose HTML may consist of escapes only."""
        escapes = min(max_bytes, MAX_HTML_BYTES)
        return cls(max_bytes, max_bytes + _BYTES_MORE_OF_AN_ESCAPE * escapes, timeout_s)


async def read_json_body(request: Request, limits: BodyLimits) -> bytes:
    """The raw body of a request that declares JSON.

    Raises:
        RefusedError: another media type or encoding (415), too many bytes (413; if the declared length is too
            large, nothing is read), too many values, or not all of it arrived in time.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    _check_media_type(request)
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > limits.max_bytes_sent:
        raise _too_large(limits)
    chunks: list[bytes] = []
    sent = escapes = 0
    try:
        async with asyncio.timeout(limits.timeout_s):
            async for chunk in request.stream():
                sent += len(chunk)
                # This is not exact: `\\u` is counted but is no escape, and an escape across two chunks is not
                # counted. The limit on the sent bytes is exact.
                escapes += chunk.count(_ESCAPE)
                counted = sent - _BYTES_MORE_OF_AN_ESCAPE * escapes
                if sent > limits.max_bytes_sent or counted > limits.max_bytes:
                    raise _too_large(limits)
                chunks.append(chunk)
    except TimeoutError:
        raise RefusedError(
            ErrorType.INVALID_REQUEST,
            f"the body did not arrive within {limits.timeout_s:g} s",
            headers={"Connection": "close"},
        ) from None
    body = b"".join(chunks)
    _check_values(body, limits.max_values)
    return body


def _check_values(body: bytes, limit: int) -> None:
    max_values = max(limit, _MAX_VALUES_WITH_DATA if _DATA in body else 0)
    if _has_more_values(body, max_values):
        raise RefusedError(ErrorType.INVALID_REQUEST, f"the body may have {max_values:,} values at most")


def _has_more_values(body: bytes, count: int) -> bool:
    """Whether a JSON text has more values than this, counted by the commas outside of its strings.

    Nesting needs no limit here: the parser has one. For most bodies the first count is enough. Each step is
    one pass in C, all together 15 ms for 4 MiB.
    """
    if body.count(b",") < count:
        return False
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 4 * count:  # the quotation marks of a name and a text for each value
        return True
    return b"".join(plain.split(b'"')[::2]).count(b",") >= count


def has_body(request: Request) -> bool:
    """Whether the request announces a body (RFC 9112, section 6)."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def read_document(
    request: Request,
    model: type[ModelT],
    limits: BodyLimits,
    *,
    context: Mapping[str, Any],
) -> ModelT:
    """The body of a request as this model.

    Args:
        request: the call.
        model: what the body has to be.
        limits: how long the body may be, and how long it may take.
        context: for the model's validators.

    Raises:
        RefusedError: as `read_json_body`, or it is not valid.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    body = await read_json_body(request, limits)
    return _validated(body, model, context)


def document_of(body: bytes, model: type[ModelT], *, context: Mapping[str, Any]) -> ModelT:
    """A JSON text that did not come as the body of a call as this model; arguments as of `read_document`.

    Raises:
        RefusedError: it has too many values, or is not valid.
    """
    _check_values(body, MAX_VALUES)
    return _validated(body, model, context)


def _validated(body: bytes, model: type[ModelT], context: Mapping[str, Any]) -> ModelT:
    try:
        return model.model_validate_json(body, context=context)
    except ValidationError as error:
        raise refused_input(error, model) from None


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


def _too_large(limits: BodyLimits) -> RefusedError:
    detail = f"the body may be {limits.max_bytes:,} bytes long at most"
    if limits.max_bytes_sent > limits.max_bytes:
        detail += f" (\\uXXXX counts as one byte), and {limits.max_bytes_sent:,} as it is sent"
    return RefusedError(ErrorType.BODY_TOO_LARGE, detail)
