"""Removes secrets from log lines, such as those that a library puts into the text of an error.

Removed are: user info, query and fragment of URLs, which may contain tokens or signatures; the secret half of
API keys and webhook secrets; and the values that follow words such as `token=`.
"""

import re
from collections.abc import Mapping
from typing import Final

_MARK: Final = "***"

# A quick check first: most texts are short and contain none of these.
_SIGNS: Final = ("://", "=", "rf_", "whsec_", "earer ", "asic ", "uthorization")

_ADDRESS: Final = re.compile(
    r"""
    (?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)
    (?:[^\s/?#"'<>]*@)?             # user info, up to the last @ before the path
    (?P<rest>[^\s?\#"'<>]*)
    (?P<secret>[?\#][^\s"'<>]*)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NAMED: Final = re.compile(
    r"\b(x-amz-[a-z-]{1,60}|signature|sig|token|access_token|api_key|key|password|secret)=[^\s&\"'<>]+",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"\b((?:proxy-)?authorization\W{1,4}|bearer |basic )[a-z0-9+/=._ -]{8,}", re.IGNORECASE
)
_KEY: Final = re.compile(r"\b(rf_[a-z0-9]{12}_)[A-Za-z0-9_-]{43}|\b(whsec_)[A-Za-z0-9+/=]+")


def redacted(text: str) -> str:
    """The text without possible secrets."""
    for sign in _SIGNS:  # a loop, since `any` takes twice as long, and each line of the log has ten texts
        if sign in text:
            return _without_secrets(text)
    return text


def _without_secrets(text: str) -> str:
    text = _ADDRESS.sub(_address, text)
    text = _NAMED.sub(rf"\1={_MARK}", text)
    text = _KEY.sub(lambda match: f"{match[1] or match[2]}{_MARK}", text)
    return _HEADER.sub(rf"\1{_MARK}", text)


def _address(match: re.Match[str]) -> str:
    mark = f"{match['secret'][0]}{_MARK}" if match["secret"] else ""
    return f"{match['scheme']}{match['rest']}{mark}"


def redacted_value(value: object) -> object:
    """A value of a log line, all texts in it redacted, also in nested collections."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: redacted_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted_value(inner) for inner in value]
    return value
