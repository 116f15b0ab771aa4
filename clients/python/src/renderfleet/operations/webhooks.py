"""Webhooks: register addresses, read and change their secrets."""

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.webhooks import Webhook, WebhookWithSecret
from renderfleet.operations.lists import segment

PATH = "/v1/webhooks"


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


def delete(webhook: Webhook | str, budget: Budget) -> Operation[None]:
    """Delete a webhook and its secret."""
    yield from answered(Call("DELETE", _path(webhook), is_repeatable=False), budget)
