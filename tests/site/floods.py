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
}


def document(name: str, _: Query) -> str:
    """The page of one flood; it never finishes loading, so that it is not captured meanwhile."""
    return (
        f"<!doctype html><title>{name}</title><body><img src='/silent'>"
        f"<script>setTimeout(() => {{ {FLOODS[name]} }}, 100)</script>"
    )


PAGES: Final[dict[str, Callable[[Query], str]]] = {
    f"/flood/{name}": partial(document, name) for name in FLOODS
}
