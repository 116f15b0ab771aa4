"""Pages that fill memory until they are stopped, each in another way."""

from collections.abc import Callable
from functools import partial

Query = dict[str, str]

# The page never finishes loading: it has a picture that never arrives.
_PAGE = "<!doctype html><title>{name}</title><body><img src=/silent><script>{script}</script>"

_SCRIPTS = {
    "heap": "let kept = []; setInterval(() => kept.push(new Array(1e6).fill(Math.random())), 10)",
    "buffers": "let kept = []; setInterval(() => kept.push(new Uint8Array(1e7).fill(7)), 20)",
    "canvas": """
        let kept = []
        setInterval(() => {
          let canvas = document.createElement("canvas")
          canvas.width = canvas.height = 1600
          let drawing = canvas.getContext("2d")
          drawing.fillRect(0, 0, 1600, 1600)
          drawing.getImageData(0, 0, 1, 1)
          kept.push(canvas)
        }, 20)""",
    "dom": """
        setInterval(() => {
          let part = document.createElement("div")
          for (let i = 0; i < 20000; i++) part.append(Object.assign(document.createElement("i"), {title: i}))
          document.body.append(part)
        }, 10)""",
    "images": """
        let kept = []
        fetch("/photo/1.jpg").then(answer => answer.blob()).then(async photo => {
          for (;;) kept.push(await createImageBitmap(photo))
        })""",
    "blobs": """
        let kept = [], data = new Uint8Array(1e7).fill(7)
        setInterval(() => kept.push(new Blob([data])), 20)""",
    "cache": """
        caches.open("bomb").then(async cache => {
          for (let i = 0, data = new Uint8Array(1e7); ; i++) await cache.put("/" + i, new Response(data))
        })""",
    "webgl": """
        let kept = [], data = new Uint8Array(16e6).fill(7)
        let gl = document.createElement("canvas").getContext("webgl")
        setInterval(() => {
          let texture = gl.createTexture()
          gl.bindTexture(gl.TEXTURE_2D, texture)
          gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 2000, 2000, 0, gl.RGBA, gl.UNSIGNED_BYTE, data)
          kept.push(texture)
        }, 50)""",
}


def bomb(name: str, _: Query) -> str:
    """The page that fills memory in this way."""
    return _PAGE.format(name=name, script=_SCRIPTS[name])


# Which memory they fill: of their own renderer, or of the processes that all pages share.
RENDERER_BOMBS = ("heap", "buffers", "canvas", "dom", "images")
SHARED_BOMBS = ("blobs", "cache", "webgl")
PAGES: dict[str, Callable[[Query], str]] = {f"/bomb/{name}": partial(bomb, name) for name in _SCRIPTS}
