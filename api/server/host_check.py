"""Under which names the API answers.

A page that a user of this machine has open can point its own name at 127.0.0.1 and then read what listens
there as if it were its own site (DNS rebinding). The browser tells the name in `Host`. So names that nobody
has said are ours get no answer. An address cannot be pointed elsewhere, and `localhost` belongs to the
machine (RFC 6761, section 6.3).
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import RefusedError, problem_response
from fleet.errors import ErrorType

# RFC 9112, section 3.2, and RFC 3986, section 3.2.2, without escapes and what else is in no host's name.
_HOST: Final = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?", re.ASCII
)
# They tell nothing that is worth a trick, and orchestrators send any name or none.
_ANY_NAME: Final = frozenset({"/livez", "/readyz"})
ANY: Final = "*"
# The longest host name (RFC 1035, section 2.3.4); more of a longer one helps nobody.
_MAX_NAME: Final = 255


class HostNames:
    """The names that are ours, beside addresses and `localhost`."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take them in.

        Args:
            names: host names; `*.example.com` stands for all names below example.com, `*` for every name.
        """
        words = {name.lower().rstrip(".") for name in names}
        self._is_any = ANY in words
        self._exact = frozenset(words)
        self._below = tuple(word[1:] for word in words if word.startswith("*."))

    def refusal(self, given: list[str], *, http_version: str) -> RefusedError | None:
        """What is wrong with the `Host` headers of a request, if anything."""
        if not given and http_version == "1.0":  # it need not have one, and every browser sends one
            return None
        found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if found is None:  # RFC 9112, section 3.2: 400 for none, two, or one that is no host
            return RefusedError(ErrorType.MALFORMED_REQUEST, "a request has one `Host` header, with a host")
        if found["v6"] is not None or self._is_ours(found["name"].lower().rstrip(".")):
            return None
        return RefusedError(
            ErrorType.MISDIRECTED_REQUEST,
            f"this API does not answer to the name {found['name'][:_MAX_NAME]!r}; operators add it to "
            "RENDERFLEET_API_ALLOWED_HOSTS",
        )

    def _is_ours(self, name: str) -> bool:
        if self._is_any or name in self._exact or name == "localhost" or name.endswith(".localhost"):
            return True
        return name.endswith(self._below) or _is_address(name)


class HostCheck:
    """A middleware that answers only to names that are ours."""

    def __init__(self, app: ASGIApp, names: HostNames) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in _ANY_NAME:
            refusal = self._names.refusal(
                Headers(scope=scope).getlist("host"), http_version=scope["http_version"]
            )
            if refusal is not None:
                await problem_response(refusal, scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
