"""No page reaches the debugging port of the browser that shows it, nor that of a neighbour on the machine."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site
from worker.egress.outbound import own_ports
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS
from worker.egress.verdicts import ConnectionOutcome

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Every spelling of this machine that Chromium understands.
HOSTS = (
    "127.0.0.1",
    "localhost",
    "anything.localhost",
    "a.site.test",  # a name as any other, which leads here
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)

PROBE = """(async () => {
  for (const host of %s) {
    const address = `//${host}:%d`;
    await fetch(`http:${address}/json/list`, {mode: "no-cors"}).catch(() => 0);
    await new Promise(done => {
      const image = new Image();
      image.onload = image.onerror = done;
      image.src = `http:${address}/json/version`;
    });
    await new Promise(done => {
      const frame = document.createElement("iframe");
      frame.onload = done;
      frame.src = `http:${address}/json/list`;
      document.body.append(frame);
    });
    await new Promise(done => {
      const socket = new WebSocket(`ws:${address}/devtools/browser/guess`);
      socket.onopen = () => { document.title = "a socket is open"; done(); };
      socket.onerror = done;
    });
  }
  return document.title;
})()"""


async def probe(stage: BrowserStage, port: int) -> set[str]:
    """The hosts at which a page of the site reaches a port of this machine, by any door that a page has."""
    async with stage.page() as page:
        await page.navigate(stage.site.url("/tiny"))
        await page.lifecycle.reach("load")
        # Chromium's own second wall: it refuses WebSockets that carry an Origin.
        assert await page.evaluate(PROBE % (list(HOSTS), port)) == "tiny"
        for host in HOSTS:
            await page.navigate(f"http://{host}:{port}/json/list")
        verdicts = page.port.record.verdicts.items()
        asked = {host for (host, asked_port), _ in verdicts if asked_port == port}
        assert {"127.0.0.1", "localhost", "::1", "a.site.test"} <= asked, "or else the probe tells nothing"
        return {
            host
            for (host, asked_port), verdict in verdicts
            if asked_port == port and verdict.outcome is ConnectionOutcome.CONNECTED
        }


def own_port(folder: Path) -> int:
    (file,) = folder.glob("*/profile/DevToolsActivePort")
    return int(file.read_text().split()[0])


@contextlib.contextmanager
def neighbour() -> Iterator[tuple[int, list[bytes]]]:
    """Somebody else's port of the same range; whoever connects is noted."""
    visits: list[bytes] = []
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for port in DEVTOOLS_PORTS:
            with contextlib.suppress(OSError):
                listener.bind(("::", port))
                break
        listener.listen()

        def note() -> None:
            with contextlib.suppress(OSError):
                while True:
                    visitor, _ = listener.accept()
                    with visitor:
                        visits.append(visitor.recv(100))

        thread = threading.Thread(target=note, daemon=True)
        thread.start()
        yield listener.getsockname()[1], visits
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


async def test_page_reaches_neither_its_own_browser_nor_a_neighbour(site: Site) -> None:
    async with browser_stage(site) as stage:
        assert await probe(stage, own_port(stage.folder)) == set()
        with neighbour() as (port, visits):
            assert await probe(stage, port) == set()
            assert visits == []


async def test_control_without_the_rule_pages_do_reach_both(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same probe with the rule taken away: it is the rule that protects, and the probe that tells."""
    monkeypatch.setattr(own_ports, "DEVTOOLS_PORTS", ())
    async with browser_stage(site) as stage:
        assert await probe(stage, own_port(stage.folder)) == {"127.0.0.1", "a.site.test"}
        with neighbour() as (port, visits):
            await probe(stage, port)
            assert visits
