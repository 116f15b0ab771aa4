"""Pages that keep memory and run scripts without end: all of that must end with their browser context.

Each gets the query of its address; `n` makes it smaller or larger.
"""

from collections.abc import Callable

from tests.site.pages import document

Query = dict[str, str]


def _leaky(title: str, source: str, body: str = "") -> str:
    return document(title, f"<h1>{title}</h1><p id=p>leaky</p>{body}<script>{source}</script>")


def detached(query: Query) -> str:
    """Elements with event listeners that are removed from the document and kept: `n`, by default 20,000."""
    count = int(query.get("n", "20000"))
    return _leaky(
        "detached",
        "const kept=[];"
        f"for(let i=0;i<{count};i++){{const e=document.createElement('div');e.textContent='row '+i;"
        "e.addEventListener('click',()=>kept.push(e));document.body.append(e);e.remove();kept.push(e)}"
        "document.getElementById('p').textContent=kept.length+' detached'",
    )


def timers(query: Query) -> str:
    """Timers and animation frames that each add to a list while the page exists: `n` timers."""
    count = int(query.get("n", "50"))
    return _leaky(
        "timers",
        "const kept=[];"
        f"for(let i=0;i<{count};i++)setInterval(()=>kept.push(new Array(100).fill(i)),5+i%20);"
        "const draw=()=>{kept.push({at:performance.now()});requestAnimationFrame(draw)};draw()",
    )


def video(_: Query) -> str:
    """A video of what a canvas draws, a recorder of it, and a second video that plays the recording."""
    return _leaky(
        "video",
        "const c=document.getElementById('c'),d=c.getContext('2d');let n=0;"
        "setInterval(()=>{d.fillStyle=`hsl(${n++*7%360},60%,50%)`;d.fillRect(n%300,n%200,60,60)},20);"
        "const stream=c.captureStream(25),kept=[],recorder=new MediaRecorder(stream);"
        "const show=(v,set)=>{v.muted=v.loop=true;set(v);document.body.append(v);v.play()};"
        "show(document.createElement('video'),v=>v.srcObject=stream);"
        "recorder.ondataavailable=event=>{kept.push(event.data);if(kept.length===2)"
        "show(document.createElement('video'),v=>v.src=URL.createObjectURL(new Blob(kept)))};"
        "recorder.start(50)",
        "<canvas id=c width=320 height=240></canvas>",
    )


def workers(query: Query) -> str:
    """`n` web workers that keep 2 MB each and send messages to the page without end."""
    count = int(query.get("n", "4"))
    return _leaky(
        "workers",
        "const source='const kept=[new Uint8Array(2<<20).fill(7)];"
        "setInterval(()=>{kept.push(new Array(1000).fill(1));postMessage(kept.length)},10)';"
        "const address=URL.createObjectURL(new Blob([source])),kept=[];"
        f"for(let i=0;i<{count};i++){{const w=new Worker(address);w.onmessage=e=>kept.push(e.data);"
        "kept.push(w)}",
    )


def table(query: Query) -> str:
    """A table of `n` rows, by default 2,000, with ten columns."""
    cells = "".join(f"<td>{column}.%d" for column in range(10))
    rows = "".join("<tr>" + cells % ((number,) * 10) for number in range(int(query.get("n", "2000"))))
    return document("table", f"<table border=1>{rows}</table>")


def blobs(query: Query) -> str:
    """`n` megabytes of blobs with addresses that are never revoked; the browser process keeps them."""
    count = int(query.get("n", "8"))
    return _leaky(
        "blobs",
        f"const kept=[];for(let i=0;i<{count};i++)"
        "kept.push(URL.createObjectURL(new Blob([new Uint8Array(1<<20).fill(i)])))",
    )


PAGES: dict[str, Callable[[Query], str]] = {
    "/leaky/detached": detached,
    "/leaky/timers": timers,
    "/leaky/video": video,
    "/leaky/workers": workers,
    "/leaky/table": table,
    "/leaky/blobs": blobs,
}
