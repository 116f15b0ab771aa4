"""A pool of browsers without the rest of a worker, for tests of what a worker does with Chromium."""

import asyncio
import ipaddress
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import psutil

from fleet.egress.policy import AddressPolicy
from fleet.egress.public_addresses import Address
from fleet.egress.settings import EgressSettings
from fleet.render.request import RenderRequest
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import command_line, parent_of
from tests.site.server import Site
from worker.attempts.unpacked_files import unpacked
from worker.browser.launch.scratch import Scratch
from worker.browser.page import Page
from worker.egress.proxy import Egress
from worker.egress.terms import Terms
from worker.pool.pool import Pool
from worker.render import pipeline
from worker.render.bounds import USUAL
from worker.render.pipeline import Rendered
from worker.settings import BrowserSettings, EgressProxySettings

MAX_BYTES = 500 * 1024 * 1024
_TURNS: Final = 10
POLICY = AddressPolicy.from_settings(EgressSettings(egress_allow=("127.0.0.1",)))
# Resolves to this machine, as the site does, but to an address that the policy does not allow.
FORBIDDEN_HOST = "localhost"
# All names below it resolve to the site, so that a page can load from several hosts.
SITE_DOMAIN = ".site.test"


async def resolve(host: str) -> list[Address]:
    """A name server for tests: it knows a forbidden name and the names of the site, all on this machine."""
    if host == FORBIDDEN_HOST:
        return [ipaddress.ip_address("127.0.0.2")]
    if host.endswith(SITE_DOMAIN):
        return [ipaddress.ip_address("127.0.0.1")]
    raise OSError(f"no such name: {host}")


TERMS = Terms(POLICY)
# Seconds between two looks: many of them read the command line of each process of the machine.
_LOOK_S = 0.05


def request_for(**options: Any) -> RenderRequest:
    """A request as the API accepts it, with loopback allowed."""
    return RenderRequest.model_validate(options, context={"egress": POLICY})


def chromium_processes(folder: Path) -> list[psutil.Process]:
    """Running processes whose command line contains a profile in `folder`."""
    return [
        process
        for process in psutil.process_iter()
        if any(str(folder) in word and "--user-data-dir" in word for word in command_line(process))
    ]


def profiles(folder: Path) -> list[Path]:
    """Playwright's folders in `folder`: for each running browser a profile and a folder for downloads."""
    return list(folder.glob("playwright*"))


def browser_pids(folder: Path) -> list[int]:
    """The browser processes with a profile in `folder`, without their child processes."""
    words = {one.pid: command_line(one) for one in chromium_processes(folder)}
    found = {pid for pid, line in words.items() if line and not any("--type=" in word for word in line)}
    # A child that was just forked has the words of its parent for a moment.
    return [pid for pid in found if parent_of(pid) not in found]


async def until(
    condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S, *, look_s: float = _LOOK_S
) -> None:
    """Wait for something that causes no event, such as a new file or the end of another program."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(look_s)


class BrowserStage:
    """A running pool, with a site to render and a folder for the artifact."""

    def __init__(self, pool: Pool, site: Site, folder: Path, egress: Egress) -> None:
        self.pool = pool
        self.egress = egress
        self.site = site
        self.folder = folder
        self.output = folder / "artifact"

    async def render(self, path: str | None = None, *, terms: Terms = TERMS, **options: Any) -> Rendered:
        """Render a page of the site, or `html=`. The artifact is in `output` afterwards."""
        if path is not None:
            options["url"] = self.site.url(path)
        limit, ignored = options.pop("max_bytes", MAX_BYTES), options.pop("ignored_selectors", ())
        bounds = options.pop("bounds", USUAL)
        request = request_for(**options)
        folder = self.folder / f"{uuid.uuid4()}.files"
        async with self.pool.page() as page, unpacked(request.files, folder) as bundle:
            terms = replace(terms, own_site=bundle)
            return await pipeline.render(
                page,
                request,
                self.output,
                terms,
                max_bytes=limit,
                ignored_selectors=ignored,
                bounds=bounds,
            )

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A page that may reach the site, for tests that control it themselves."""
        async with self.pool.page() as page:
            page.port.admit(TERMS)
            yield page

    def descendants(self, kind: str) -> list[psutil.Process]:
        """Chromium's processes of one `--type`, such as `renderer`, in all generations."""
        children = psutil.Process().children(recursive=True)
        return [process for process in children if f"--type={kind}" in command_line(process)]

    @property
    def browser_pid(self) -> int:
        """The process id of the only browser."""
        (pid,) = browser_pids(self.folder)
        return pid


@asynccontextmanager
async def open_egress(**settings: Any) -> AsyncIterator[Egress]:
    """The egress proxy for the pages of a stage."""
    egress = Egress(resolve, EgressProxySettings(**settings))
    await egress.start()
    try:
        yield egress
    finally:
        await egress.stop()
        # A connection that came in while its port was closed is ended in the loop's next turns.
        for _ in range(_TURNS):
            await asyncio.sleep(0)


@asynccontextmanager
async def browser_stage(
    site: Site,
    *,
    data_dir: Path | None = None,
    offer: Callable[[int], None] = lambda _: None,
    egress_service_url: str | None = None,
    **settings: Any,
) -> AsyncIterator[BrowserStage]:
    """A pool with a scratch folder of its own. At the end no process and no file of it may be left."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        Scratch(data_dir or Path(temporary), uuid.uuid4()) as scratch,
    ):
        async with open_egress(egress_service_url=egress_service_url) as egress:
            pool = Pool(BrowserSettings(**settings), scratch.path, egress, offer=offer)
            await pool.start()
            try:
                yield BrowserStage(pool, site, scratch.path, egress)
            finally:
                await pool.stop()
        await until(lambda: not chromium_processes(scratch.path), "Chromium's end")
    assert not scratch.path.exists()
