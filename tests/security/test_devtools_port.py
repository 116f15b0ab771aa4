"""No page reaches the debugging port of the browser that shows it, nor that of a neighbour on the machine."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site
from worker import flags
from worker.flags import DEVTOOLS_PORTS, FLAGS

pytest_plugins = ("tests.browser_fixtures",)

# Every spelling of this machine that Chromium understands.
HOSTS = (
    "127.0.0.1",
    "localhost",
    "anything.localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)

PROBE = """(async () => {
  const reached = [];
  for (const host of %s) {
    const address = `//${host}:%d`;
    await fetch(`http:${address}/json/list`, {mode: "no-cors"})
      .then(() => reached.push(`fetch ${host}`), () => 0);
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
      socket.onopen = () => { reached.push(`socket ${host}`); done(); };
      socket.onerror = done;
    });
  }
  return reached;
})()"""


async def probe(stage: BrowserStage, port: int) -> list[str]:
    """What a page of the site reaches at a port of this machine, by every door that a page has."""
    async with stage.pool.page() as page:
        await page.navigate(stage.site.url("/tiny"))
        await page.lifecycle.reach("load")
        reached: list[str] = await page.evaluate(PROBE % (list(HOSTS), port))
        for host in HOSTS:
            navigation = await page.navigate(f"http://{host}:{port}/json/list")
            reached += [] if navigation.error else [f"navigation {host}"]
    return reached


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
        assert await probe(stage, own_port(stage.folder)) == []
        with neighbour() as (port, visits):
            assert await probe(stage, port) == []
            assert visits == []


async def test_control_without_the_rule_pages_do_reach_both(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same probe with the rule taken away: it is the rule that protects, and the probe that tells."""
    others = tuple(flag for flag in FLAGS if flag.switch != "host-resolver-rules")
    monkeypatch.setattr(flags, "FLAGS", others)
    async with browser_stage(site) as stage:
        reached = await probe(stage, own_port(stage.folder))
        assert {"fetch 127.0.0.1", "fetch localhost", "navigation 127.0.0.1"} <= set(reached)
        # Chromium's own second wall: it refuses WebSockets that carry an Origin.
        assert not [one for one in reached if one.startswith("socket")]
        with neighbour() as (port, visits):
            await probe(stage, port)
            assert visits


async def test_ports_and_rule_belong_together() -> None:
    pattern = flags.DEVTOOLS_PORTS_PATTERN.removeprefix("*:")
    matching = [
        port for port in range(1, 65_536) if len(str(port)) == len(pattern) and fits(str(port), pattern)
    ]
    assert matching == list(DEVTOOLS_PORTS)


def fits(port: str, pattern: str) -> bool:
    return all(wanted in {"?", digit} for digit, wanted in zip(port, pattern, strict=True))
