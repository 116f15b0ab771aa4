"""Pages that overload the processes that all pages share, or open many windows."""

from collections.abc import Callable
from functools import partial
from typing import Final

Query = dict[str, str]

_MEGABYTES: Final = "const big = 'x'.repeat(2e6);"
_FRAME: Final = "const frame = document.body.appendChild(document.createElement('iframe'));"

# Scripts of a document of the site, by name. Each goes on until the page is ended.
FLOODS: Final = {
    "cookies": "for (let i = 0;; i++) document.cookie = `c${i % 150}=${'x'.repeat(3900)}`",
    "cookies-read": "document.cookie = `c=${'x'.repeat(3900)}`; for (;;) document.cookie",
    "window-names": "for (let i = 0;; i++) window.name = i + 'x'.repeat(1e6)",
    "addresses": (
        f"{_MEGABYTES} let i = 0;"
        "setInterval(() => { for (let n = 0; n < 20; n++) history.pushState(0, '', '#' + i++ + big) })"
    ),
    "history-states": (
        f"{_MEGABYTES} let i = 0; setInterval(() => {{ for (let n = 0; n < 20; n++)"
        " history.replaceState({i: i++, a: big, b: big}, '') })"
    ),
    "microtasks": "const again = () => Promise.resolve().then(again); again()",
    "frames": (
        "setInterval(() => { for (let i = 0; i < 500; i++)"
        " document.body.append(document.createElement('iframe')) }, 20)"
    ),
    "titles": "let i = 0; setInterval(() => { for (let n = 0; n < 2000; n++) document.title = 't' + i++ })",
    "console": "for (let i = 0;; i++) console.log(i, 'x'.repeat(10000))",
    "storage": "for (let i = 0;; i++) localStorage.a = i + 'x'.repeat(1e6)",
    "fetches": (
        "setInterval(() => { for (let i = 0; i < 500; i++)"
        " fetch('/tiny?' + Math.random()).catch(() => 0) }, 50)"
    ),
    "blob-addresses": (
        "setInterval(() => { for (let i = 0; i < 5000; i++) URL.createObjectURL(new Blob(['x'])) })"
    ),
    "workers": (
        "const code = URL.createObjectURL(new Blob(['for (;;);']));"
        "setInterval(() => { for (let i = 0; i < 5; i++) new Worker(code) }, 100)"
    ),
    "broadcasts": (
        "const a = new BroadcastChannel('a'), b = new BroadcastChannel('a'), big = 'x'.repeat(1e5);"
        "setInterval(() => { for (let i = 0; i < 200; i++) a.postMessage(big) })"
    ),
    "navigations": (
        f"{_FRAME} setInterval(() => {{ for (let i = 0; i < 100; i++)"
        " frame.src = 'about:blank?' + Math.random() }}, 5)"
    ),
    "windows": (
        "setInterval(() => { for (let i = 0; i < 10; i++) { const link = document.createElement('a');"
        " link.href = '/tiny'; document.body.append(link);"
        " link.dispatchEvent(new MouseEvent('click', {bubbles: true, ctrlKey: true})) } }, 100)"
    ),
    "downloads": (
        "const blob = URL.createObjectURL(new Blob(['x'.repeat(1e6)])); setInterval(() => {"
        " const link = document.createElement('a'); link.href = blob; link.download = 'x'; link.click() }, 5)"
    ),
    "addresses-of-parts": (
        "let i = 0; setInterval(() => { for (let n = 0; n < 500; n++) location.hash = i++ })"
    ),
    "history-moves": (
        "for (let i = 0; i < 40; i++) history.pushState(i, '');"
        " setInterval(() => { for (let n = 0; n < 200; n++) history.go(n % 2 ? 1 : -1) })"
    ),
    "dialogs": "setInterval(() => { for (let i = 0; i < 100; i++) alert(i) })",
    "prints": "setInterval(() => { for (let i = 0; i < 100; i++) print() })",
    "errors": "setInterval(() => { for (let i = 0; i < 5000; i++) reportError(Error('x'.repeat(5000))) })",
    "permissions": (
        "setInterval(() => { for (let i = 0; i < 5000; i++)"
        " navigator.permissions.query({name: 'geolocation'}).catch(() => 0) })"
    ),
    "positions": (
        "setInterval(() => { for (let i = 0; i < 2000; i++)"
        " navigator.geolocation.getCurrentPosition(() => 0, () => 0) })"
    ),
    "locks": (
        "let i = 0; setInterval(() => { for (let n = 0; n < 2000; n++)"
        " navigator.locks.request('lock' + i++, () => new Promise(() => 0)) })"
    ),
    "databases": (
        f"{_MEGABYTES} const asked = indexedDB.open('flood');"
        " asked.onupgradeneeded = () => asked.result.createObjectStore('all', {autoIncrement: true});"
        " asked.onsuccess = () => setInterval(() => {"
        " const all = asked.result.transaction('all', 'readwrite').objectStore('all');"
        " for (let n = 0; n < 5; n++) all.add(big) })"
    ),
    "web-sockets": (
        "setInterval(() => { for (let i = 0; i < 200; i++)"
        " new WebSocket('ws://' + location.host + '/tiny?' + Math.random()) }, 20)"
    ),
    "event-streams": (
        "setInterval(() => { for (let i = 0; i < 100; i++) new EventSource('/tiny?' + Math.random()) }, 50)"
    ),
    "beacons": (
        "setInterval(() => { for (let i = 0; i < 500; i++)"
        " navigator.sendBeacon('/tiny', 'x'.repeat(50000)) }, 20)"
    ),
    "pictures": (
        "setInterval(() => { for (let i = 0; i < 500; i++) new Image().src = '/tiny?' + Math.random() }, 20)"
    ),
    "documents": (
        f"{_MEGABYTES} {_FRAME} setInterval(() => {{ for (let i = 0; i < 20; i++) frame.srcdoc = big + i }})"
    ),
    "data-addresses": (
        f"{_MEGABYTES} {_FRAME} let i = 0;"
        " setInterval(() => { frame.src = 'data:text/html,' + i++ + big.slice(0, 1.9e6) })"
    ),
    "peer-connections": (
        "setInterval(() => { for (let i = 0; i < 20; i++) { const peer = new RTCPeerConnection();"
        " peer.createDataChannel('x');"
        " peer.createOffer().then(offer => peer.setLocalDescription(offer)) } }, 20)"
    ),
    "sounds": (
        "setInterval(() => { for (let i = 0; i < 20; i++) { const sound = new AudioContext();"
        " sound.createOscillator().start() } }, 20)"
    ),
    "animations": (
        "document.head.append(Object.assign(document.createElement('style'), {textContent:"
        " '@keyframes a { to { transform: rotate(1turn); filter: blur(9px) } }"
        " i { display: inline-block; width: 90px; height: 90px; background: red;"
        " animation: a .3s infinite }'}));"
        " document.body.append(...Array.from({length: 3000}, () => document.createElement('i')))"
    ),
    "drawings": (
        "const canvas = document.body.appendChild(document.createElement('canvas'));"
        " canvas.width = canvas.height = 4000; const pen = canvas.getContext('2d');"
        " const draw = () => { for (let i = 0; i < 200; i++) { pen.fillStyle = `hsl(${i},50%,50%)`;"
        " pen.filter = 'blur(9px)'; pen.fillRect(i, i, 3000, 3000) } requestAnimationFrame(draw) }; draw()"
    ),
    "shaders": (
        "const gl = document.createElement('canvas').getContext('webgl'), pixels = new Uint8Array(4);"
        " const draw = () => { for (let i = 0; i < 200; i++) { gl.clear(gl.COLOR_BUFFER_BIT);"
        " gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixels) } setTimeout(draw) }; draw()"
    ),
    "loop": "for (;;);",
}

# One of each mechanism of those that the worker stops again and again: the browser process and the network
# service have more to do than they can. Of the others, some do no harm, and the rest end for other reasons.
HELD_IN_TESTS: Final = (
    "cookies",
    "history-states",
    "frames",
    "titles",
    "console",
    "fetches",
)


def document(name: str, _: Query) -> str:
    """The page of one flood; it never finishes loading, so that it is not captured meanwhile."""
    return (
        f"<!doctype html><title>{name}</title><body><img src='/silent'>"
        f"<script>setTimeout(() => {{ {FLOODS[name]} }}, 100)</script>"
    )


PAGES: Final[dict[str, Callable[[Query], str]]] = {
    f"/flood/{name}": partial(document, name) for name in FLOODS
}
