"""Jobs with a past, and the store that has their files."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from tests.integration.fleet.jobs.past import Past


@pytest.fixture
async def artifacts(storage_settings: StorageSettings) -> AsyncIterator[Artifacts]:
    made = Artifacts(storage_settings)
    yield made
    made.close()


@pytest.fixture
def past(engines: Engines, database: Database, artifacts: Artifacts, tenant_id: UUID, tmp_path: Path) -> Past:
    file = tmp_path / "artifact"
    file.write_bytes(b"x")
    return Past(engines, database, artifacts, tenant_id, file)
