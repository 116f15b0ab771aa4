"""Takes the secrets of a request out of what is recorded while it is rendered.

Fields that are known to carry a secret lose their value whatever it is. Elsewhere a secret is found by its
text, in the spellings in which pages and protocols write it. A text of fewer than eight characters, such as a
PIN, is in many pages by chance: it is hidden where it is the whole value of something in an address, as in
`?pin=4711`, and one of fewer than three nowhere.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Self
from urllib.parse import quote, quote_plus

from fleet.render.request import RenderRequest

# It may stand in a script or style sheet without breaking it.
REPLACEMENT: Final = "REDACTED"
_LEAST_LENGTH: Final = 8
_LEAST_LENGTH_OF_VALUES: Final = 3
_SECRET_FIELDS: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key", "x-auth-token"}
)
_SOFT_BREAK: Final = rb"(?:=\r?\n)?"


class Redactor:
    """Knows the secrets of one request."""

    def __init__(self, secrets: Iterable[str], fields: Iterable[str] = ()) -> None:
        """Look for these texts, and hide the values of these header fields besides the usual ones."""
        self._fields = _SECRET_FIELDS | {name.lower() for name in fields}
        given = set(secrets)
        texts = {secret for secret in given if len(secret) >= _LEAST_LENGTH}
        short = {one for one in given - texts if len(one) >= _LEAST_LENGTH_OF_VALUES}
        self._value = _whole_value(short)
        self._value_bytes = None if self._value is None else re.compile(self._value.pattern.encode())
        # The longest first: one may be a part of another.
        self._spellings = sorted({one for text in texts for one in _spellings(text)}, key=len, reverse=True)
        self._encoded = [spelling.encode(errors="replace") for spelling in self._spellings]
        self._quoted = [_quoted_printable(one) for one in self._encoded]

    @classmethod
    def of(cls, request: RenderRequest) -> Self:
        """One for all that the request has as `CREDENTIALS`."""
        return cls(_secrets(request), request.headers)

    def text(self, text: str) -> str:
        """A text without secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, REPLACEMENT)
        return text if self._value is None else self._value.sub(REPLACEMENT, text)

    def data(self, data: bytes) -> bytes:
        """Bytes without secrets."""
        for spelling in self._encoded:
            data = data.replace(spelling, REPLACEMENT.encode())
        return data

    def document(self, data: bytes) -> bytes:
        """The bytes of a document that is only read, in whose addresses short secrets are hidden as well."""
        data = self.data(data)
        return data if self._value_bytes is None else self._value_bytes.sub(REPLACEMENT.encode(), data)

    def mhtml(self, data: bytes) -> bytes:
        """MHTML without secrets: its texts are quoted-printable (RFC 2045, 6.7), with breaks within words."""
        for pattern in self._quoted:
            data = pattern.sub(REPLACEMENT.encode(), data)
        return data

    def fields(self, fields: Mapping[str, str]) -> list[dict[str, str]]:
        """Header fields as a HAR has them, without secrets."""
        return [
            {"name": name, "value": REPLACEMENT if name.lower() in self._fields else self.text(value)}
            for name, value in fields.items()
        ]


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield quote(text, safe="")
    yield quote(text)
    yield quote_plus(text)
    yield base64.b64encode(text.encode(errors="replace")).decode().rstrip("=")


def _whole_value(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Finds texts that are the whole value of something in an address; None: there is nothing to find."""
    spellings = {form(text) for text in texts for form in (quote, quote_plus, str)}
    if not spellings:
        return None
    every = "|".join(re.escape(one) for one in sorted(spellings, key=len, reverse=True))
    return re.compile(rf"(?<==)(?:{every})(?=[&;#\s\"'<>]|$)")


def _quoted_printable(text: bytes) -> re.Pattern[bytes]:
    return re.compile(_SOFT_BREAK.join(b"(?:%s|=%02X)" % (re.escape(bytes([one])), one) for one in text))


def _secrets(request: RenderRequest) -> Iterator[str]:
    yield from request.headers.values()
    if (auth := request.basic_auth) is not None:
        yield from (auth.username, auth.password, auth.header, auth.header.partition(" ")[2])
    for cookie in request.cookies:
        yield cookie.value
    if (state := request.storage_state) is not None:
        yield from (cookie.value for cookie in state.cookies)
        yield from (entry.value for stored in state.origins for entry in stored.localStorage)
    if (proxy := request.proxy) is not None:
        yield from (given for given in (proxy.username, proxy.password) if given)
    for action in request.actions:
        if action.type is not None:
            yield action.type.text
        if action.select is not None:
            yield action.select.value
    if request.pdf is not None and (password := request.pdf.password) is not None:
        yield from (str(given) for given in password.model_dump().values() if given)
