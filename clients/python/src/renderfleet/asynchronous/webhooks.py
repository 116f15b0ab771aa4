"""Calls about webhooks."""

from collections.abc import AsyncIterator

from renderfleet.asynchronous.lists import all_pages
from renderfleet.asynchronous.runner import AsyncRunner
from renderfleet.models.webhooks import Delivery, Webhook, WebhookWithSecret
from renderfleet.operations import webhooks


class AsyncWebhookCalls:
    """`client.webhooks`: the addresses that get a message when a job ends, and their secrets."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def register(self, url: str) -> WebhookWithSecret:
        """Register an address and get its secret. One that is registered already keeps its secret."""
        return await self._runner.run(webhooks.register(url, self._runner.budget))

    async def get(self, webhook: Webhook | str) -> WebhookWithSecret:
        """A webhook with its secret."""
        return await self._runner.run(webhooks.read(webhook, self._runner.budget))

    def iter(self) -> AsyncIterator[Webhook]:
        """Your webhooks, newest first, without their secrets."""
        return all_pages(self._runner, webhooks.PATH, "webhooks", Webhook)

    async def rotate(self, webhook: Webhook | str) -> WebhookWithSecret:
        """Make a new secret; for 24 hours messages are signed with both."""
        return await self._runner.run(webhooks.rotate(webhook, self._runner.budget))

    async def test(self, webhook: Webhook | str, *, timeout_s: float = 30.0) -> Delivery:
        """Send a message to try the webhook out, and wait until it is sent.

        Returns:
            What came of it; its `status` is `pending` if no worker has sent it within `timeout_s`.
        """
        return await self._runner.run(webhooks.test(webhook, timeout_s=timeout_s, budget=self._runner.budget))

    async def delete(self, webhook: Webhook | str) -> None:
        """Delete a webhook and its secret."""
        return await self._runner.run(webhooks.delete(webhook, self._runner.budget))
