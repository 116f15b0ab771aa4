"""The corpus in a real browser, past the schema: nothing is dialled, and nothing local is shown."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from fleet.egress.policy import AddressPolicy, Rule
from fleet.egress.public_addresses import Address
from tests.kit.patience import PATIENCE_S
from tests.kit.security.channels import HOST, PublicSite, public_site
from tests.kit.security.chromium import Tab, chromium
from tests.kit.security.corpus import PUBLIC, RecordingResolver, lines
from tests.kit.security.private_listeners import PrivateListeners, private_listeners
from worker.browser.devtools import DevToolsConnection, ProtocolError
from worker.browser.new_page import new_page
from worker.browser.page import Page
from worker.egress.outbound.dial import dial
from worker.egress.outbound.stream import Stream
from worker.egress.proxy import Egress
from worker.egress.terms import Terms
from worker.egress.verdicts import ConnectionOutcome, Verdict
from worker.resources.memory.page_memory import PageMemory
from worker.settings import EgressProxySettings

BAD: Final = [(kind, text) for kind, text in lines() if kind != "channel"]
# Chromium opens these for whoever drives it. The schema refuses them (test_corpus.py), pages must not get in.
OPENED: Final = "scheme"
# Frames take most of the time; these are the lines that depend on who reads them.
FRAMED: Final = {"scheme", "parser", "idna"}
BLOCKED: Final = Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)
HOME: Final = "http://public.resolver.test/"
WALLS: Final = ("--proxy", "--host-resolver-rules", "--force-webrtc", "--block-new-web-contents")
# A navigation is answered when the document begins, not when its title is there.
LOADED_TITLE: Final = """new Promise(resolve => document.readyState === "complete"
    ? resolve(document.title) : addEventListener("load", () => resolve(document.title)))"""
# What no frame may hold, wherever it was sent. Chromium makes about:blank of some of them.
LOCAL: Final = ("file:", "view-source:", "chrome:", "chrome-untrusted:", "devtools:", "filesystem:")


@dataclass
class Recorder:
    """Dials a public address at the test's own site; what else it is asked to dial is noted and refused."""

    site: PublicSite
    dialled: list[Address] = field(default_factory=list)
    escaped: list[Address] = field(default_factory=list)

    async def __call__(self, address: Address, port: int) -> Stream:
        if address != PUBLIC:
            self.escaped.append(address)
            raise ConnectionRefusedError
        assert port == 80
        self.dialled.append(address)
        return await dial(ip_address(HOST), self.site.port)


@dataclass
class Walled:
    """A browser as the worker has it, with a resolver and a dialer that record."""

    browser: DevToolsConnection
    egress: Egress
    resolver: RecordingResolver
    recorder: Recorder
    listeners: PrivateListeners

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A fresh page that may go to the public internet."""
        port = await self.egress.open_port()
        page = await new_page(self.browser, PageMemory(), port, generation=1)
        port.admit(Terms(AddressPolicy()))
        try:
            yield page
        finally:
            await page.close()


@pytest.fixture
async def walled() -> AsyncIterator[Walled]:
    async with private_listeners() as listeners, public_site(listeners) as site:
        resolver, recorder = RecordingResolver(), Recorder(site)
        egress = Egress(resolver, EgressProxySettings(), dialer=recorder)
        await egress.start()
        try:
            async with chromium(proxy_port=egress.refusing_port) as browser:
                yield Walled(browser, egress, resolver, recorder, listeners)
        finally:
            await egress.stop()


# Each line by several doors, and once more with the port of a private listener where it has a host.
DOORS: Final = """(async () => {
  const [texts, framed, port, onlyLoopback] = %s;
  const wait = ms => new Promise(done => setTimeout(done, ms));
  const made = (name, attributes) => new Promise(done => {
    const element = document.createElement(name);
    element.onload = element.onerror = done;
    Object.assign(element, attributes);
    document.body.append(element);
  });
  const isLoopback = host => host === "[::1]" || /^127([.][0-9]+){3}$|^([a-z0-9]+[.])*localhost$/.test(host);
  const aimed = texts.flatMap(text => {
    try {
      const url = new URL(text);
      if (!url.protocol.startsWith("http") || (onlyLoopback && !isLoopback(url.hostname))) return [];
      url.port = port;
      return [url.href];
    } catch { return []; }
  });
  const frame = text => made("iframe", {src: text});
  const asked = async text => fetch(text, {mode: "no-cors"});
  const image = text => made("img", {src: text});
  const plain = onlyLoopback ? [] : texts;
  const tries = [...framed.map(frame), ...plain.map(asked), ...plain.map(image), ...aimed.map(asked)];
  await Promise.all(tries.map(one => Promise.race([wait(3000), one.catch(() => 0)])));
  return aimed.length;
})()"""


def doors(listeners: PrivateListeners, *, only_loopback: bool) -> str:
    texts = [text for _, text in BAD]
    framed = [] if only_loopback else [text for kind, text in BAD if kind in FRAMED]
    return DOORS % json.dumps([texts, framed, str(listeners.ports["http"]), only_loopback])


def frames(tree: dict[str, Any]) -> list[str]:
    """The addresses of a page's frames."""
    below = [url for child in tree.get("childFrames", ()) for url in frames(child)]
    return [tree["frame"]["url"], *below]


async def test_control_without_walls_the_corpus_reaches_private_listeners() -> None:
    async with (
        private_listeners() as listeners,
        public_site(listeners) as site,
        chromium(without=WALLS) as browser,
    ):
        tab = await Tab.open(browser)
        await tab.navigate(f"{site.origin}/")
        assert await tab.evaluate(doors(listeners, only_loopback=True)) > 60
    assert {way for reached in listeners.hits.values() for way in reached} == {
        "127.0.0.1",
        "::1",
        "localhost",
    }


async def test_a_page_gets_at_nothing_of_the_corpus(walled: Walled) -> None:
    async with walled.page() as page:
        assert (await page.navigate(HOME)).error == ""
        assert await page.evaluate(doors(walled.listeners, only_loopback=False)) > 180
        shown = frames((await page.send("Page.getFrameTree"))["frameTree"])
        blocked = sum(page.port.record.blocked.values())
        await walled.listeners.settle()
    assert [url for url in shown if url.startswith(LOCAL)] == []
    assert len(shown) > 100
    assert walled.listeners.hits == {}
    assert walled.recorder.escaped == []
    assert blocked > 150


async def test_a_navigation_to_the_corpus_gets_nowhere(walled: Walled) -> None:
    """As if the schema had let it through, and the database were not to be trusted."""
    async with walled.page() as page:
        for kind, text in BAD[::9]:  # each takes a renderer of its own
            if kind != OPENED:
                with contextlib.suppress(ProtocolError):  # "Cannot navigate to invalid URL"
                    await page.navigate(text)
        verdicts = page.port.record.verdicts
    assert len(verdicts) > 10
    connected = {
        host for (host, _), verdict in verdicts.items() if verdict.outcome is ConnectionOutcome.CONNECTED
    }
    # With a password before it, and at the first look.
    assert connected <= {"public.resolver.test", "rebind.resolver.test"}
    assert walled.recorder.escaped == []


async def test_a_name_is_looked_up_once_and_what_was_judged_is_dialled(walled: Walled) -> None:
    url = "http://rebind.resolver.test/"
    async with walled.page() as page:
        assert (await page.navigate(url)).error == ""
    assert walled.resolver.asked == ["rebind.resolver.test"]
    assert walled.recorder.dialled == [PUBLIC]
    async with walled.page() as page:
        await page.navigate(url)
        assert page.port.verdict("rebind.resolver.test", 80) == BLOCKED
    assert walled.recorder.dialled == [PUBLIC]
    assert walled.recorder.escaped == []


async def test_one_private_address_among_public_ones_is_enough(walled: Walled) -> None:
    async with walled.page() as page:
        await page.navigate("http://mixed.resolver.test/")
        assert page.port.verdict("mixed.resolver.test", 80) == BLOCKED
    assert walled.recorder.dialled == walled.recorder.escaped == []


LEAVE: Final = (
    "location.href = %s",
    "location.replace(%s)",
    "open(%s)",
    "open(%s, '_self')",
    "Object.assign(document.createElement('a'), {href: %s}).click()",
    "document.body.append(Object.assign(document.createElement('iframe'), {src: %s}))",
    "document.body.append(Object.assign(document.createElement('embed'), {src: %s}))",
    "document.body.appendChild(Object.assign(document.createElement('form'), {action: %s})).submit()",
)


async def settled(page: Page, expression: str) -> Any:
    """What a script says. Asked again when a navigation that was begun before has ended the document."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(ProtocolError):  # "Inspected target navigated or closed"
                return await page.evaluate(expression)


async def test_no_page_gets_at_local_files_or_at_the_browser_itself(walled: Walled, tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("<!doctype html><title>the secret</title>")
    corpus = [text for _, text in BAD if text.lower().startswith((*LOCAL, "about:version"))]
    # The last of them end at about:blank.
    corpus.sort(key=lambda text: text.startswith(("about:", "chrome-untrusted:")))
    addresses = [secret.as_uri(), f"view-source:{secret.as_uri()}", *corpus]
    control = await Tab.open(walled.browser)
    await control.navigate(secret.as_uri())
    assert await control.evaluate(LOADED_TITLE) == "the secret", "the browser itself is able to"
    for html in (None, "<!doctype html><title>own html</title><p>x"):
        async with walled.page() as page:
            if html is None:
                await page.navigate(HOME)
            else:
                await page.set_html(html)
            await page.lifecycle.reach("load")
            for text in addresses:
                for way in LEAVE:
                    with contextlib.suppress(ProtocolError):  # "Inspected target navigated or closed"
                        await page.evaluate(f"void ({way % json.dumps(text)})")
            # What was begun before has been decided upon when this one has loaded.
            await settled(
                page,
                "new Promise(done => document.body.append(Object.assign(document.createElement('iframe'),"
                " {src: 'data:text/html,x', onload: done})))",
            )
            shown = frames((await page.send("Page.getFrameTree"))["frameTree"])
            assert [url for url in shown if url.startswith(LOCAL)] == []
            assert shown[0] in {HOME, "about:blank"}
            assert await settled(page, "document.title") != "the secret"
    assert walled.recorder.escaped == []
