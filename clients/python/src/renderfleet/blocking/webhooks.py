"""Calls about webhooks."""

from collections.abc import Iterator

from renderfleet.blocking.lists import all_pages
from renderfleet.blocking.runner import Runner
from renderfleet.models.webhooks import Delivery, Webhook, WebhookWithSecret
from renderfleet.operations import webhooks


class WebhookCalls:
    """`client.webhooks`: the addresses that get a message when a job ends, and their secrets."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def register(self, url: str) -> WebhookWithSecret:
        """Register an address and get its secret. One that is registered already keeps its secret."""
        return self._runner.run(webhooks.register(url, self._runner.budget))

    def get(self, webhook: Webhook | str) -> WebhookWithSecret:
        """A webhook with its secret."""
        return self._runner.run(webhooks.read(webhook, self._runner.budget))

    def iter(self) -> Iterator[Webhook]:
        """Your webhooks, newest first, without their secrets."""
        return all_pages(self._runner, webhooks.PATH, "webhooks", Webhook)

    def rotate(self, webhook: Webhook | str) -> WebhookWithSecret:
        """Make a new secret; for 24 hours messages are signed with both."""
        return self._runner.run(webhooks.rotate(webhook, self._runner.budget))

    def test(self, webhook: Webhook | str, *, timeout_s: float = 30.0) -> Delivery:
        """Send a message to try the webhook out, and wait until it is sent.

        Returns:
            What came of it; its `status` is `pending` if no worker has sent it within `timeout_s`.
        """
        return self._runner.run(webhooks.test(webhook, timeout_s=timeout_s, budget=self._runner.budget))

    def delete(self, webhook: Webhook | str) -> None:
        """Delete a webhook and its secret."""
        return self._runner.run(webhooks.delete(webhook, self._runner.budget))
