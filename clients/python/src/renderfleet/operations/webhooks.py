"""Webhooks: register addresses, read and change their secrets, try them out."""

import time
from typing import Final

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation, Pause
from renderfleet.models.webhooks import Delivery, Webhook, WebhookWithSecret
from renderfleet.operations.lists import segment

PATH = "/v1/webhooks"
# Workers look for messages every two seconds.
_LOOK_S: Final = 0.5


def _path(webhook: Webhook | str, *more: str) -> str:
    return "/".join([PATH, segment(webhook if isinstance(webhook, str) else webhook.id), *more])


def _sent(call: Call, budget: Budget) -> Operation[WebhookWithSecret]:
    return WebhookWithSecret.of(document_of((yield from answered(call, budget))))


def register(url: str, budget: Budget) -> Operation[WebhookWithSecret]:
    """Register an address. One that is registered already keeps its secret."""
    return (yield from _sent(Call("POST", PATH, body={"url": url}), budget))


def read(webhook: Webhook | str, budget: Budget) -> Operation[WebhookWithSecret]:
    """Read a webhook with its secret."""
    return (yield from _sent(Call("GET", _path(webhook)), budget))


def rotate(webhook: Webhook | str, budget: Budget) -> Operation[WebhookWithSecret]:
    """Make a new secret. Not sent again blindly: a second rotation ends the oldest secret at once."""
    return (yield from _sent(Call("POST", _path(webhook, "rotate"), is_repeatable=False), budget))


def test(webhook: Webhook | str, *, timeout_s: float, budget: Budget) -> Operation[Delivery]:
    """Send a test and wait until it is sent. Not sent again blindly: the receiver would get two."""
    call = Call("POST", _path(webhook, "test"), is_repeatable=False)
    sent = Delivery.of(document_of((yield from answered(call, budget))))
    deadline = time.monotonic() + timeout_s
    while sent.status == "pending" and time.monotonic() < deadline:
        yield Pause(_LOOK_S)
        look = Call("GET", _path(webhook, "deliveries", segment(sent.id)))
        sent = Delivery.of(document_of((yield from answered(look, budget))))
    return sent


def delete(webhook: Webhook | str, budget: Budget) -> Operation[None]:
    """Delete a webhook and its secret."""
    yield from answered(Call("DELETE", _path(webhook), is_repeatable=False), budget)
