"""No page gets at anything but the public internet, by any way out of a browser; and each wall is needed.

The control comes first: what goes through where there is no wall. A channel that was silent there would prove
nothing by being silent behind the walls.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest

from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType
from fleet.jobs.job import State
from tests.kit.security.channels import (
    CORPUS,
    DOCUMENTS,
    HOST,
    TARGETS,
    PublicSite,
    address,
    public_site,
)
from tests.kit.security.chromium import Tab, chromium
from tests.kit.security.private_listeners import ADDRESSES, PrivateListeners, private_listeners
from tests.kit.stages.browser_stage import browser_stage, open_egress, until
from tests.kit.stages.stage import Stage
from tests.site.server import Site
from worker.browser.devtools import DevToolsConnection, DevToolsError, Session
from worker.browser.page import Page
from worker.egress.terms import Terms

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# 127.0.0.2 stands for the public internet, everything else is what it is.
PUBLIC: Final = AddressPolicy(allow=((ip_network(HOST), None),))
# The words of the command line that are walls.
PROXY: Final = "--proxy-server"
NO_BYPASS: Final = "--proxy-bypass-list"
NO_NAMES: Final = "--host-resolver-rules"
NO_UDP: Final = "--force-webrtc-ip-handling-policy"
NO_WINDOWS: Final = "--block-new-web-contents"
WALLS: Final = (PROXY, NO_BYPASS, NO_NAMES, NO_UDP, NO_WINDOWS)
# Channels of which nothing is heard without walls either, and why.
SILENT: Final = {
    "dns-prefetch": "the shell looks no name up ahead of need: its network log names none",
    "preconnect": "nor does it connect ahead of need",
    "redirect-to-file": "net::ERR_UNSAFE_REDIRECT",
    "pdf-header-template": "templates are printed without a network; several kinds crash the page",
}
TEMPLATES: Final = ('<img src="%s">', '<p style="background:url(%s)">x', '<iframe src="%s"></iframe>')
TRIED_S: Final = 20.0


async def leave(tab: Tab, site: PublicSite, listeners: PrivateListeners, channel: str) -> None:
    """Open a document that leads away, and wait until it has done so."""
    if channel == "redirect-to-file":
        error = await tab.navigate(site.document(channel, "file:///etc/hostname"))
        assert error == "net::ERR_UNSAFE_REDIRECT"
        return
    await tab.navigate(site.document(channel, address(channel, "127.0.0.1", listeners)))
    await listeners.until({channel}, TRIED_S)


async def print_templates(tab: Tab | Page, listeners: PrivateListeners) -> None:
    """Print what asks for a private listener; Chromium refuses some of it, and some ends the page."""
    for template in TEMPLATES:
        html = template % address("pdf-header-template", "127.0.0.1", listeners)
        with contextlib.suppress(DevToolsError):
            await tab.send("Page.printToPDF", displayHeaderFooter=True, headerTemplate=html)


async def test_control_without_walls_nearly_every_channel_reaches_a_private_listener() -> None:
    async with (
        private_listeners() as listeners,
        public_site(listeners) as site,
        chromium(without=WALLS) as browser,
    ):
        tab = await Tab.open(browser)
        await tab.navigate(site.page())
        tried = await asyncio.wait_for(site.tried, TRIED_S)
        way_out = await Tab.open(browser)
        for channel in DOCUMENTS:
            await leave(way_out, site, listeners, channel)
        await print_templates(await Tab.open(browser), listeners)
        expected = set(CORPUS)
        await listeners.until(tried - set(SILENT), TRIED_S, everywhere=True)
    assert tried == expected - {*DOCUMENTS, "pdf-header-template"}, "the page tries each of them"
    assert expected - set(listeners.hits) == set(SILENT)
    for channel in tried - set(SILENT):
        assert set(ADDRESSES) <= listeners.hits[channel] <= {*ADDRESSES, "localhost"}, channel


async def test_no_channel_of_a_job_reaches_a_private_listener(stage: Stage) -> None:
    """The product as it is run, one worker, its own resolver: 127.0.0.2 is all that is open."""
    async with (
        private_listeners() as listeners,
        public_site(listeners) as site,
        stage.worker(EGRESS_ALLOW=HOST) as process,
    ):
        page = await stage.enqueue(policy=PUBLIC, url=site.page())
        tried = await asyncio.wait_for(site.tried, TRIED_S)
        assert tried == set(CORPUS) - {*DOCUMENTS, "pdf-header-template"}
        ways = []
        for number, channel in enumerate(DOCUMENTS):
            to = address(channel, TARGETS[number % len(TARGETS)], listeners)
            to = "file:///etc/hostname" if channel == "redirect-to-file" else to
            ways.append(await stage.enqueue(policy=PUBLIC, url=site.document(channel, to)))
        ended = [await stage.ended(job) for job in (page, *ways)]
        blocked = {line["host"] for line in process.lines() if line["event"] == "a connection was blocked"}
        await listeners.settle()
    assert listeners.hits == {}
    assert blocked == {"127.0.0.1", "127.0.0.3", "::1", "localhost"}, "all of them were asked for"
    assert ended[0].state is State.SUCCEEDED
    assert ended[0].warnings
    for job, channel in zip(ended[1:], DOCUMENTS, strict=True):
        if channel.startswith("redirect"):
            assert (job.state, job.error_type) == (State.FAILED, ErrorType.URL_BLOCKED), channel
            assert not any(target in str(job.error_detail) for target in TARGETS), channel


async def test_pages_have_no_service_workers(site: Site) -> None:
    async with browser_stage(site) as stage, stage.page() as page:
        await page.navigate(site.url("/tiny"))
        # In the page's own world, which `evaluate` stays out of.
        asked = "[isSecureContext, 'serviceWorker' in navigator].join()"
        answer = await page.send("Runtime.evaluate", expression=asked)
        assert answer["result"]["value"] == "true,false"


async def test_service_workers_would_be_behind_the_walls_too() -> None:
    workers = ("service-worker", "shared-worker", "worker", "worker-websocket", "import-scripts")
    async with private_listeners() as listeners, public_site(listeners) as site, open_egress() as egress:
        port = await egress.open_port()
        port.admit(Terms(PUBLIC))
        async with chromium(proxy_port=egress.refusing_port) as browser:
            tab = await Tab.open(browser, proxy_port=port.number)
            await tab.navigate(site.page(*workers))
            assert await asyncio.wait_for(site.tried, TRIED_S) == set(workers)
            await until(lambda: port.record.blocked.total() >= len(workers) * len(ADDRESSES), "all of them")
            await listeners.settle()
    assert listeners.hits == {}


async def test_printed_templates_reach_no_private_listener(site: Site) -> None:
    async with private_listeners() as listeners, browser_stage(site) as stage, stage.pool.page() as page:
        page.port.admit(Terms(PUBLIC))
        await print_templates(page, listeners)
        await listeners.settle()
    assert listeners.hits == {}


PROBE = """(async () => {
  const [targets, http, stun] = %s;
  const limit = new Promise(done => setTimeout(done, 1500));
  const fetched = targets.map(t => fetch(`http://${t}:${http}/fetch`, {mode: "no-cors"}).catch(() => 0));
  const gathered = targets.map(async t => {
    const peer = new RTCPeerConnection({iceServers: [{urls: `stun:${t}:${stun}`}]});
    peer.createDataChannel("x");
    await peer.setLocalDescription();
    await new Promise(done => peer.onicegatheringstatechange = () =>
      peer.iceGatheringState === "complete" && done());
  });
  await Promise.race([limit, Promise.all([...fetched, ...gathered])]);
})()"""
FETCHED = {"fetch": {*ADDRESSES, "localhost"}}


@pytest.mark.parametrize(
    ("removed", "page_has_proxy", "reached"),
    [
        pytest.param((), True, {}, id="none"),
        pytest.param((NO_UDP,), True, {"stun": set(ADDRESSES)}, id="webrtc"),
        # The page's own bypass list is taken away as well. The names are the wall behind this one.
        pytest.param((NO_BYPASS,), True, {"fetch": {"127.0.0.1"}}, id="bypass"),
        pytest.param((NO_BYPASS, NO_NAMES), True, FETCHED, id="bypass and names"),
        pytest.param((), False, {}, id="the page's proxy"),
        pytest.param((PROXY,), False, {"fetch": {"127.0.0.1"}}, id="both proxies"),
        pytest.param((PROXY, NO_NAMES), False, FETCHED, id="both proxies and names"),
    ],
)
async def test_each_wall_is_needed(
    removed: tuple[str, ...],
    page_has_proxy: bool,  # noqa: FBT001 - a parameter
    reached: dict[str, set[str]],
) -> None:
    async with private_listeners() as listeners, open_egress() as egress:
        port = await egress.open_port()
        port.admit(Terms(PUBLIC))
        async with chromium(without=removed, proxy_port=egress.refusing_port) as browser:
            tab = await Tab.open(
                browser,
                proxy_port=port.number if page_has_proxy else None,
                bypass_loopback=NO_BYPASS in removed,
            )
            targets = json.dumps([TARGETS, listeners.ports["http"], listeners.ports["stun"]])
            await tab.evaluate(PROBE % targets)
            await listeners.until(set(reached), 5, everywhere=reached == FETCHED)
            await listeners.settle()
    assert {channel: found - {"localhost"} for channel, found in listeners.hits.items()} == {
        channel: found - {"localhost"} for channel, found in reached.items()
    }


CLICK = """(how => {
  const link = document.createElement("a");
  link.href = "/tiny";
  document.body.append(link);
  link.dispatchEvent(new MouseEvent("click", {bubbles: true, [how]: true}));
  window.open("/tiny");
})"""


async def test_pages_that_a_page_opens_are_closed(site: Site) -> None:
    async with (
        browser_stage(site, browser_warm_pages=0) as stage,
        stage.page() as page,
        stage.page() as neighbour,
        second_door(stage.folder) as watcher,
    ):
        created: list[str] = []
        destroyed: list[str] = []
        watcher.on("Target.targetCreated", lambda told: created.append(told["targetInfo"]["targetId"]))
        watcher.on("Target.targetDestroyed", lambda told: destroyed.append(told["targetId"]))
        await watcher.send("Target.setDiscoverTargets", discover=True, filter=[{"type": "page"}])
        for one in (page, neighbour):
            await one.navigate(site.url("/tiny"))
        wanted = set(created)
        for number in range(1, 5):
            await page.evaluate(f"{CLICK}('{'shiftKey' if number % 2 else 'ctrlKey'}')")
            await until(lambda: len(created) == len(wanted) + number, "one more page")  # noqa: B023 - at once
        await until(lambda: set(destroyed) == set(created) - wanted, "their end")
        for one in (page, neighbour):
            assert await one.evaluate("location.pathname") == "/tiny"


@asynccontextmanager
async def second_door(folder: Path) -> AsyncIterator[Session]:
    """Another connection to the browser of a stage, which sees what goes on in it."""
    connection = await DevToolsConnection.open(devtools_address(folder))
    yield connection.browser
    await connection.close()


def devtools_address(folder: Path) -> str:
    (file,) = folder.glob("*/profile/DevToolsActivePort")
    port, path = file.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"
