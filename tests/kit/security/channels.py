"""A page that tries every way in which a page can cause network traffic, and the site that serves it.

The site listens on 127.0.0.2, which stands for a public address. The page tries to reach private listeners
(tests/kit/security/private_listeners.py); the path of each request is the name of the channel. The page
contains a picture that the site delays until all channels were tried, so the page is not loaded before that.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.kit.security.corpus import lines
from tests.kit.security.private_listeners import PrivateListeners

HOST: Final = "127.0.0.2"
# The hosts that the page tries to reach: each address of the listeners, and a name that resolves to one.
TARGETS: Final = ("127.0.0.1", "127.0.0.3", "[::1]", "localhost")

REDIRECTS: Final = (301, 302, 303, 307, 308)
# Channels that replace the document. Each is tried as a document of its own.
DOCUMENTS: Final = (
    *(f"redirect-{status}" for status in REDIRECTS),
    "redirect-to-file",
    "meta-refresh",
    "location-assign",
    "form-post",
)
CORPUS: Final = tuple(word for kind, text in lines() if kind == "channel" for word in text.split(" "))
_PAGE: Final = """<!doctype html><meta charset=utf-8><title>channels</title><body><script>
const targets = %(targets)s, ports = %(ports)s, self_ = location.origin;
const tried = new Set();
const at = (target, channel) => `http://${target}:${ports.http}/${channel}`;
const wait = ms => new Promise(done => setTimeout(done, ms));
const patience = 1800;
function element(name, attributes, parent = document.body) {
  const made = document.createElement(name);
  const ended = new Promise(done => { made.onload = made.onerror = done; });
  for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
  parent.append(made);
  return ended;
}
const style = text => { element("style", {}).then(() => 0); document.body.lastChild.textContent = text; };
const frame = html => element("iframe", {srcdoc: html});
const blob = text => URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
const inWorker = (code, kind = Worker) => new Promise(done => {
  const made = new kind(blob(code + ";(self.postMessage ?? (() => 0))('x')"));
  made.onmessage = made.onerror = done;
});
async function gather(servers) {
  const peer = new RTCPeerConnection({iceServers: servers});
  peer.createDataChannel("x");
  await peer.setLocalDescription();
  await new Promise(done => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 1000);
  });
  return peer;
}
async function candidate(line) {
  const one = new RTCPeerConnection(), other = new RTCPeerConnection();
  one.createDataChannel("x");
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription);
  await one.addIceCandidate({candidate: line, sdpMid: "0", sdpMLineIndex: 0});
  await wait(1000);
}
const bare = host => host.replace(/[\\[\\]]/g, "");
const secret = {username: "u", credential: "c"};
const channels = {
  "img": t => element("img", {src: at(t, "img")}),
  "svg-image": t => { document.body.insertAdjacentHTML("beforeend",
      `<svg><image href="${at(t, "svg-image")}" width=9 height=9 /></svg>`); },
  "picture-source": t => { document.body.insertAdjacentHTML("beforeend",
      `<picture><source srcset="${at(t, "picture-source")}"><img src=data:></picture>`); },
  "input-image": t => element("input", {type: "image", src: at(t, "input-image")}),
  "iframe": t => element("iframe", {src: at(t, "iframe")}),
  "frame-in-frame": t => frame(
      `<iframe srcdoc='<iframe src="${at(t, "frame-in-frame")}"></iframe>'></iframe>`),
  "srcdoc-iframe": t => frame(`<img src="${at(t, "srcdoc-iframe")}">`),
  "data-iframe": t => element("iframe", {src: `data:text/html,<img src="${at(t, "data-iframe")}">`}),
  "object": t => element("object", {data: at(t, "object")}),
  "embed": t => element("embed", {src: at(t, "embed")}),
  "video": t => element("video", {src: at(t, "video"), preload: "auto"}),
  "audio": t => element("audio", {src: at(t, "audio"), preload: "auto"}),
  "video-track": t => { document.body.insertAdjacentHTML("beforeend",
      `<video crossorigin src="${self_}/v"><track default src="${at(t, "video-track")}"></video>`);
      document.body.lastChild.textTracks[0].mode = "showing"; },
  "css-url": t => { style(`.c${tried.size}a {} html { background: url("${at(t, "css-url")}") }`);
      document.body.insertAdjacentHTML("beforeend",
        `<p style='background:url("${at(t, "css-url")}")'>x`); },
  "css-image-set": t => { document.body.insertAdjacentHTML("beforeend",
      `<p style='background:image-set(url("${at(t, "css-image-set")}") 1x)'>x`); },
  "css-import": t => style(`@import url("${at(t, "css-import")}");`),
  "stylesheet": t => element("link", {rel: "stylesheet", href: at(t, "stylesheet")}),
  "font-face": t => { style(`@font-face { font-family: f${bare(t).length}${t.length};
      src: url("${at(t, "font-face")}") }`);
      document.body.insertAdjacentHTML("beforeend",
        `<p style="font-family:f${bare(t).length}${t.length}">x`); },
  "script": t => element("script", {src: at(t, "script")}),
  "shadow-script": t => { const host = document.createElement("div"); document.body.append(host);
      return element("script", {src: at(t, "shadow-script")}, host.attachShadow({mode: "open"})); },
  "module-script": t => element("script", {type: "module", src: at(t, "module-script")}),
  "dynamic-import": t => import(at(t, "dynamic-import")),
  "preload": t => element("link", {rel: "preload", as: "image", href: at(t, "preload")}),
  "prefetch": t => element("link", {rel: "prefetch", href: at(t, "prefetch")}),
  "modulepreload": t => element("link", {rel: "modulepreload", href: at(t, "modulepreload")}),
  "preconnect": t => element("link", {rel: "preconnect", href: `http://${t}:${ports.preconnect}`}),
  "dns-prefetch": t => element("link", {rel: "dns-prefetch", href: `//${t}:${ports.http}`}),
  "speculation-rules": t => { const made = document.createElement("script");
      made.type = "speculationrules";
      made.textContent = JSON.stringify({prefetch: [{source: "list", eagerness: "immediate",
        urls: [at(t, "speculation-rules")]}]});
      document.body.append(made); },
  "fetch": t => fetch(at(t, "fetch"), {mode: "no-cors"}),
  "xhr": t => new Promise(done => { const x = new XMLHttpRequest(); x.onloadend = done;
      x.open("GET", at(t, "xhr")); x.send(); }),
  "fetch-keepalive": t => fetch(at(t, "fetch-keepalive"),
      {method: "POST", mode: "no-cors", keepalive: true, body: "x"}),
  "fetch-later": t => { fetchLater(`${at(t, "fetch-later")}`, {activateAfter: 0}); },
  "send-beacon": t => { navigator.sendBeacon(at(t, "send-beacon"), "x"); },
  "a-ping": t => { document.body.insertAdjacentHTML("beforeend",
      `<a href="#x" ping="${at(t, "a-ping")}">x</a>`); document.body.lastChild.click(); },
  "event-source": t => new Promise(done => {
      const s = new EventSource(at(t, "event-source")); s.onerror = () => { s.close(); done(); }; }),
  "websocket": t => new Promise(done => {
      new WebSocket(at(t, "websocket").replace("http", "ws")).onerror = done; }),
  "websocket-stream": t => new WebSocketStream(at(t, "websocket-stream").replace("http", "ws")).opened,
  "import-scripts": t => inWorker(`importScripts("${at(t, "import-scripts")}")`),
  "worker": t => inWorker(`fetch("${at(t, "worker")}", {mode: "no-cors"})`),
  "worker-websocket": t => inWorker(
      `new WebSocket("${at(t, "worker-websocket").replace("http", "ws")}").onerror = () => postMessage(1)`),
  "shared-worker": t => { new SharedWorker(blob(
      `fetch("${at(t, "shared-worker")}", {mode: "no-cors"})`)); },
  "service-worker": t => navigator.serviceWorker.register(
      `/sw.js?to=${encodeURIComponent(at(t, "service-worker"))}`,
      {scope: `/scope-${bare(t).length}${t.length}/`}),
  "window-open": t => { window.open(at(t, "window-open")); },
  "csp-report-uri": t => element("iframe",
      {src: `/csp?to=${encodeURIComponent(at(t, "csp-report-uri"))}`}),
  "img-redirect": t => element("img", {src: `/redirect-302?to=${at(t, "img-redirect")}`}),
  "iframe-redirect": t => element("iframe", {src: `/redirect-307?to=${at(t, "iframe-redirect")}`}),
  // What a middle click does: a new page, also where window.open() gives none.
  "link-open": t => { document.body.insertAdjacentHTML("beforeend",
      `<a href="${at(t, "link-open")}">x</a>`);
      document.body.lastChild.dispatchEvent(new MouseEvent("click", {ctrlKey: true, bubbles: true})); },
  "stun": t => gather([{urls: `stun:${t}:${ports.stun}`}]),
  "turn-udp": t => gather([{urls: `turn:${t}:${ports["turn-udp"]}?transport=udp`, ...secret}]),
  "turn-tcp": t => gather([{urls: `turn:${t}:${ports["turn-tcp"]}?transport=tcp`, ...secret}]),
  "turns": t => gather([{urls: `turns:${t}:${ports.turns}?transport=tcp`, ...secret}]),
  "ice-tcp": t => candidate(
      `candidate:1 1 tcp 1518280447 ${bare(t)} ${ports["ice-tcp"]} typ host tcptype passive`),
  "ice-udp": t => candidate(`candidate:1 1 udp 2122260223 ${bare(t)} ${ports["ice-udp"]} typ host`),
  "webtransport": t => new WebTransport(`https://${t}:${ports.webtransport}/`).ready,
};
(async () => {
  const only = new URLSearchParams(location.search).get("only");
  const wanted = only ? only.split(",") : Object.keys(channels);
  const all = [];
  for (const name of wanted)
    for (const target of targets)
      all.push(Promise.race([wait(patience), (async () => channels[name](target))()]).catch(() => 0));
  await Promise.all(all);
  await fetch("/tried?to=" + wanted.join());
})();
</script><img src="/held">"""

_FORM: Final = """<!doctype html><form method=post action="%s"></form>
<script>document.forms[0].submit()</script>"""
_ASSIGN: Final = """<!doctype html><script>location.assign("%s")</script>"""
_REFRESH: Final = """<!doctype html><meta http-equiv=refresh content="0;url=%s">"""
_VIOLATION: Final = """<!doctype html><img src="data:image/gif;base64,AAAA">"""
_SERVICE_WORKER: Final = """fetch("%s", {mode: "no-cors"}); addEventListener("fetch", () => 0);"""


def address(channel: str, target: str, listeners: PrivateListeners) -> str:
    """The address of a listener for a channel."""
    return f"http://{target}:{listeners.ports['http']}/{channel}"


class PublicSite:
    """The page's own server.

    Attributes:
        origin: of its pages.
        port: where it listens.
        tried: gets the channels that its page has tried, when it has tried all of them.
    """

    def __init__(self, listeners: PrivateListeners) -> None:
        self.origin = ""
        self.port = 0
        self.tried: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()
        self._listeners = listeners

    def page(self, *only: str) -> str:
        """The address of the page that tries all channels, or only these."""
        self.tried = asyncio.get_running_loop().create_future()
        return f"{self.origin}/channels" + (f"?only={','.join(only)}" if only else "")

    def document(self, channel: str, to: str) -> str:
        """The address of a document that leads to another one."""
        return f"{self.origin}/{channel}?to={to}"

    def _answer(self, path: str) -> tuple[str, dict[str, str], str]:
        """Status, headers and body of an answer."""
        parts = urlsplit(path)
        name, to = parts.path[1:], parse_qs(parts.query).get("to", [""])[0]
        html = {"Content-Type": "text/html"}
        if name.startswith("redirect-"):
            status = name.removeprefix("redirect-")
            return (status if status.isdigit() else "302") + " Moved", {"Location": to}, ""
        if name == "tried" and not self.tried.done():
            self.tried.set_result(set(to.split(",")))
        aims = {"targets": json.dumps(TARGETS), "ports": json.dumps(self._listeners.ports)}
        script = {"Content-Type": "text/javascript", "Service-Worker-Allowed": "/"}
        pages = {
            "channels": (html, _PAGE % aims),
            "form-post": (html, _FORM % to),
            "location-assign": (html, _ASSIGN % to),
            "meta-refresh": (html, _REFRESH % to),
            "csp": ({**html, "Content-Security-Policy": f"img-src 'none'; report-uri {to}"}, _VIOLATION),
            "sw.js": (script, _SERVICE_WORKER % to),
        }
        headers, body = pages.get(name, (html, ""))
        return "200 OK", headers, body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
            target = line[1].decode()
            status, headers, body = self._answer(target)
            if target == "/held":
                await self.tried
            data = body.encode()
            head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
            end = f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(f"HTTP/1.1 {status}\r\n{head}{end}".encode() + data)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def public_site(listeners: PrivateListeners) -> AsyncIterator[PublicSite]:
    """Run the site on a free port of 127.0.0.2, during the block."""
    site = PublicSite(listeners)
    server = await asyncio.start_server(site.serve, HOST, 0)
    site.port = server.sockets[0].getsockname()[1]
    site.origin = f"http://{HOST}:{site.port}"
    try:
        yield site
    finally:
        if not site.tried.done():
            site.tried.set_result(set())  # so that delayed requests are answered
        server.close()
