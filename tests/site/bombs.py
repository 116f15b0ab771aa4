"""Pages that fill memory until they are stopped, each in another way."""

from collections.abc import Callable
from functools import partial

Query = dict[str, str]

# The page never finishes loading: it has a picture that never arrives.
_PAGE = "<!doctype html><title>{name}</title><body><img src=/silent><script>{script}</script>"

BOMBS = {
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
    "strings": "let kept = []; setInterval(() => kept.push('x'.repeat(5e6 + kept.length).split('')), 20)",
    "wasm": """
        let kept = []
        setInterval(() => {
          let memory = new WebAssembly.Memory({initial: 160})
          new Uint8Array(memory.buffer).fill(7)
          kept.push(memory)
        }, 20)""",
    "webgl-buffers": """
        let kept = [], data = new Uint8Array(1e7).fill(7)
        let gl = document.createElement("canvas").getContext("webgl2")
        setInterval(() => {
          let buffer = gl.createBuffer()
          gl.bindBuffer(gl.ARRAY_BUFFER, buffer)
          gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW)
          kept.push(buffer)
        }, 20)""",
    "webgl-canvases": """
        let kept = []
        setInterval(() => {
          let canvas = document.createElement("canvas")
          canvas.width = canvas.height = 2000
          let gl = canvas.getContext("webgl")
          gl.clear(gl.COLOR_BUFFER_BIT)
          gl.finish()
          kept.push(canvas)
        }, 50)""",
    "databases": """
        let data = new Uint8Array(1e7), asked = indexedDB.open("bomb")
        asked.onupgradeneeded = () => asked.result.createObjectStore("all", {autoIncrement: true})
        asked.onsuccess = () => setInterval(() => {
          crypto.getRandomValues(data.subarray(0, 65536))
          asked.result.transaction("all", "readwrite").objectStore("all").add(data)
        }, 20)""",
    "files": """
        navigator.storage.getDirectory().then(async folder => {
          for (let i = 0, data = new Uint8Array(1e7).fill(7); ; i++) {
            let writing = await (await folder.getFileHandle("f" + i, {create: true})).createWritable()
            await writing.write(data)
            await writing.close()
          }
        })""",
    "downloads": """
        let data = new Uint8Array(5e7).fill(7)
        setInterval(() => {
          let link = document.createElement("a")
          link.href = URL.createObjectURL(new Blob([data]))
          link.download = "x"
          link.click()
        }, 100)""",
    "responses": """
        let kept = []
        fetch("/photo/1.jpg").then(answer => answer.blob()).then(photo => {
          let data = new Blob(Array(40).fill(photo))
          setInterval(() => kept.push(new Response(data).body, URL.createObjectURL(data)), 10)
        })""",
}


def bomb(name: str, _: Query) -> str:
    """The page that fills memory in this way."""
    return _PAGE.format(name=name, script=BOMBS[name])


# Which memory they fill: of their own renderer, or of the processes that all pages share.
RENDERER_BOMBS = ("heap", "buffers", "canvas", "dom", "images", "strings", "wasm")
SHARED_BOMBS = ("blobs", "cache", "webgl", "webgl-buffers", "webgl-canvases")
# Ended for something else than memory, or slow.
OTHER_BOMBS = ("databases", "files", "downloads", "responses")
PAGES: dict[str, Callable[[Query], str]] = {f"/bomb/{name}": partial(bomb, name) for name in BOMBS}
