"""A fleet for the client and its commands: an API, a worker, a page, and a folder to work in."""

import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.embedded.engines.engines import Engines
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.databases import Databases
from tests.kit.data.vaults import VAULT
from tests.kit.processes import Said, api_process, command
from tests.kit.stages.stage import Stage, opened_stage
from tests.site.server import Site


@dataclass(frozen=True)
class ClientFleet:
    """A fleet, and a person at a shell who has its address and key.

    Attributes:
        url: address of the API.
        key: an API key with every scope.
        folder: where commands are run.
    """

    stage: Stage
    site: Site
    url: str
    key: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the person's shell has."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "RENDERFLEET_URL": self.url,
            "RENDERFLEET_API_KEY": self.key,
        }

    async def say(self, line: str, *, keys: str = "", **variables: str) -> Said:
        """Type a command, without `renderfleet` before it; `keys` are piped into it."""
        environment = {**self.environment, **variables}
        words = ("renderfleet", *shlex.split(line))
        return await command(*words, environment=environment, keys=keys, folder=self.folder)

    async def done(self, line: str, *, keys: str = "") -> str:
        """Type a command that has to succeed; what it prints, without the last line break."""
        said = await self.say(line, keys=keys)
        assert said.code == 0, said
        return said.output.removesuffix("\n")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(
    engines: Engines, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ClientFleet]:
    async with (
        opened_stage(engines, databases, tmp_path_factory.mktemp("fleet")) as (stage, key),
        stage.worker(EGRESS_ALLOW="127.0.0.1"),
        api_process(stage.environment(), stage.folder / "api.log", key) as (_, http),
    ):
        folder = tmp_path_factory.mktemp("person")
        async with stage.database.connection() as connection:
            person = await create_key(
                connection, tenant_name="tests", key_name="person", scopes=frozenset(Scope), vault=VAULT
            )
        with Site() as site:
            yield ClientFleet(stage, site, str(http.base_url).rstrip("/"), person, folder)


PAGE = (
    "<!doctype html><title>A {word}</title><body style='margin:0;height:2000px'><h1 id=one>one</h1><p>two</p>"
)


@pytest.fixture
def page(fleet: ClientFleet) -> Path:
    """A file of HTML in the folder where commands are run."""
    path = fleet.folder / "page.html"
    path.write_text(PAGE)
    return path
