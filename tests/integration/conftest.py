"""What the tests of webhooks share."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from tests.kit.servers.receiver import Receiver, receiver
from tests.kit.stages.webhook_stage import WebhookStage


@pytest.fixture
async def hooks(
    database: Database, storage_settings: StorageSettings, tenant_id: UUID
) -> AsyncIterator[WebhookStage]:
    store = Artifacts(storage_settings)
    yield WebhookStage(database, store, tenant_id)
    store.close()


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made
