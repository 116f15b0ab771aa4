"""Verifies webhook messages, as standardwebhooks.com specifies them."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Final

from renderfleet.errors import SignatureInvalid
from renderfleet.models.webhooks import WebhookMessage

TOLERANCE_S: Final = 300.0
_PREFIX: Final = "whsec_"


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secret: str, *, tolerance_s: float = TOLERANCE_S
) -> WebhookMessage:
    """The message, if it is signed with the secret and not too old.

    Args:
        body: the bytes as they came.
        headers: of the request; upper and lower case are the same.
        secret: `whsec_…`, as `webhooks.register` returns it.
        tolerance_s: how far the time of the message may be from now.

    Raises:
        SignatureInvalid: the message may not be trusted.
    """
    content = body.encode() if isinstance(body, str) else body
    known = {name.lower(): value for name, value in headers.items()}
    try:
        id_, sent_at, given = (known[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age_s = time.time() - int(sent_at)
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (KeyError, ValueError, binascii.Error) as error:
        raise SignatureInvalid(f"a header, or the secret, is missing or malformed: {error}") from error
    if abs(age_s) > tolerance_s:
        raise SignatureInvalid("the message is too old, or the clocks differ")
    digest = hmac.digest(key, f"{id_}.{sent_at}.".encode() + content, hashlib.sha256)
    expected = f"v1,{base64.b64encode(digest).decode()}".encode()
    # Two signatures while the secret changes.
    if not any(hmac.compare_digest(expected, one.encode()) for one in given.split(" ")):
        raise SignatureInvalid("the signature is not that of this secret")
    return WebhookMessage.of(json.loads(content))
