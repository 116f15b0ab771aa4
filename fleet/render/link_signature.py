"""Signed links: what is signed, and how. Pure: no clock, no database.

A link is `PATH?NAME=VALUE&...&key=ID&expires=SECONDS&signature=HEX`. The signature is HMAC-SHA256, in
lower-case hexadecimal, over the canonical form: the path, `?`, and all parameters but the signature,
percent-encoded by RFC 3986 (unreserved characters as they are, everything else `%XX` in upper case), sorted
by name, joined by `&`. Any order and spelling of the same parameters is the same link; any other meaning is
another one.

The key of the HMAC is derived from the secret of an API key, so that whoever holds one needs nothing new, and
whoever finds the derived key can sign links and do nothing else.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

# The paths that links have.
SCREENSHOT: Final = "/v1/screenshot"
PDF: Final = "/v1/pdf"
PATHS: Final = frozenset({SCREENSHOT, PDF})

SIGNATURE: Final = "signature"
EXPIRES: Final = "expires"
KEY: Final = "key"
# Part of every signature: another version of these rules will not take signatures made by this one.
_DERIVATION: Final = b"renderfleet link v1"
# The longest address (`MAX_URL_LENGTH`), percent-encoded; what proxies on the way let through is often less.
MAX_QUERY_BYTES: Final = 32 * 1024

_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY_ID: Final = re.compile(r"[a-z0-9]{12}", re.ASCII)
_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)


class UnusableLinkError(Exception):
    """It is no signed link, in words for its author."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it came, taken apart. Nothing of it is trusted before `is_signed_with` says so.

    Attributes:
        path: the path that it was sent to.
        parameters: all but the signature, decoded.
        signature: 64 hexadecimal digits.
        key_id: of the API key that has signed it, as it claims.
        expires: until when it holds, in seconds since the epoch (Unix time).
    """

    path: str
    parameters: Mapping[str, str]
    signature: str
    key_id: str
    expires: int

    def is_signed_with(self, key: bytes) -> bool:
        """Whether this key made its signature. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.signature, sign(key, self.path, self.parameters))


def link_key(secret: str) -> bytes:
    """The key that signs links, 32 bytes.

    Args:
        secret: the last part of an API key `rf_<id>_<secret>`.
    """
    return hmac.digest(secret.encode(), _DERIVATION, hashlib.sha256)


def canonical(path: str, parameters: Mapping[str, str]) -> str:
    """What is signed.

    Args:
        path: such as `/v1/screenshot`.
        parameters: all but the signature, decoded.
    """
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters.items())
    return f"{path}?{'&'.join(f'{name}={value}' for name, value in pairs)}"


def sign(key: bytes, path: str, parameters: Mapping[str, str]) -> str:
    """The signature of a link with these parameters, as 64 hexadecimal digits."""
    return hmac.digest(key, canonical(path, parameters).encode(), hashlib.sha256).hex()


def parse(path: str, query: bytes) -> Link:
    """Take a link apart.

    Args:
        path: the path that it was sent to.
        query: what followed its `?`, as it came.

    Raises:
        UnusableLinkError: it says what is wrong.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise UnusableLinkError(f"the query is longer than {MAX_QUERY_BYTES:,} bytes")
    parameters: dict[str, str] = {}
    for part in query.decode("latin-1").split("&") if query else ():
        name, _, value = (_decoded(word) for word in part.partition("="))
        if not name or not value:
            raise UnusableLinkError("a parameter has no name or no value; leave out what has none")
        if name in parameters:
            raise UnusableLinkError(f"`{name[:100]}` is given more than once")
        parameters[name] = value
    return Link(
        path=path,
        signature=_taken(parameters, SIGNATURE, _SIGNATURE, "64 lower-case hexadecimal digits"),
        key_id=_found(parameters, KEY, _KEY_ID, "the id of an API key: the 12 characters after `rf_`"),
        expires=int(_found(parameters, EXPIRES, _EXPIRES, "a time as Unix seconds")),
        parameters=parameters,
    )


def _taken(parameters: dict[str, str], name: str, pattern: re.Pattern[str], meaning: str) -> str:
    value = _found(parameters, name, pattern, meaning)
    del parameters[name]
    return value


def _found(parameters: Mapping[str, str], name: str, pattern: re.Pattern[str], meaning: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise UnusableLinkError(f"`{name}` is missing: {meaning}")
    if not pattern.fullmatch(value):
        raise UnusableLinkError(f"`{name}` must be {meaning}")
    return value


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _decoded(word: str) -> str:
    if "+" in word:
        # A blank to forms, a plus to RFC 3986: whoever sent it may have meant either.
        raise UnusableLinkError("a blank must be written as %20, and a plus as %2B")
    if _BROKEN_ESCAPE.search(word) or not word.isascii():
        raise UnusableLinkError("a parameter is not percent-encoded as RFC 3986 says")
    try:
        return unquote_to_bytes(word).decode()
    except UnicodeDecodeError:
        raise UnusableLinkError("a parameter is not percent-encoded UTF-8") from None
