"""Pages that are made from the query of their address."""

import random
from collections.abc import Callable

Query = dict[str, str]
PHOTOS = 8
BAND_PX = 100
FONTS = ("DejaVuSans", "DejaVuSerif-Bold", "DejaVuSansMono")


def document(title: str, body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


def tiny(_: Query) -> str:
    return document("tiny", "<h1>Hello</h1><p>world</p>")


def photo(_: Query) -> str:
    """A landing page: eight photographs and some text."""
    style = (
        "<style>body{margin:0;font-family:sans-serif}"
        ".grid{display:grid;grid-template-columns:repeat(4,1fr);gap:8px}img{width:100%}</style>"
    )
    images = "".join(f"<img src=/photo/{number}.jpg>" for number in range(PHOTOS))
    text = "<p>lorem ipsum dolor sit amet " * 100
    return document("photo", f"<h1>Landing</h1><div class=grid>{images}</div>{text}", style)


def dashboard(_: Query) -> str:
    """Charts: 2,400 translucent circles in SVG, and a canvas that a script draws."""
    numbers = random.Random(1)  # noqa: S311 - the same page every time
    charts = ""
    for _chart in range(6):
        circles = "".join(
            f"<circle cx={numbers.randint(0, 600)} cy={numbers.randint(0, 300)} r=4 "
            f"fill=hsl({numbers.randint(0, 360)},60%,50%) opacity=.6 />"
            for _circle in range(400)
        )
        charts += f"<svg width=600 height=300>{circles}</svg>"
    script = (
        "<canvas id=c width=600 height=300></canvas><script>"
        "const d=document.getElementById('c').getContext('2d');"
        "for(let i=0;i<3000;i++){d.fillStyle=`hsl(${i%360},60%,50%)`;"
        "d.fillRect(i%600,300*Math.abs(Math.sin(i)),2,20)}</script>"
    )
    return document("dashboard", f"<h1>Dashboard</h1>{charts}{script}")


def long(query: Query) -> str:
    """A document of `n` paragraphs, by default 400."""
    paragraph = "<h2>Section %d</h2><p>" + "The quick brown fox jumps over the lazy dog. " * 12 + "</p>"
    return document("long", "".join(paragraph % number for number in range(int(query.get("n", "400")))))


def bands(query: Query) -> str:
    """`n` bands of 100 px height and `width` px width; each has a colour of its own (see `band_colour`)."""
    width = query.get("width", "100%")
    style = f"<style>body{{margin:0}}div{{height:{BAND_PX}px;width:{width}}}</style>"
    body = "".join(
        "<div style='background:rgb({},{},{})'></div>".format(*band_colour(number))
        for number in range(int(query["n"]))
    )
    return document("bands", body, style)


def band_colour(number: int) -> tuple[int, int, int]:
    return number % 256, number * 7 % 256, (number >> 8) * 50 % 256


def fonts(_: Query) -> str:
    """Text in three web fonts and two fonts of the system, with characters that these do not have."""
    faces = "".join(f"@font-face{{font-family:{name};src:url(/fonts/{name}.ttf)}}" for name in FONTS)
    text = "The quick brown fox jumps over the lazy dog. 0123456789"
    lines = "".join(f"<p style='font-family:{name}'>{text}" for name in (*FONTS, "serif", "monospace"))
    return document(
        "fonts",
        f"{lines}<p>&#x1f98a; &#x3b1;&#x3b2;&#x3b3; &#x6f22;&#x5b57; &#xd55c;",
        f"<style>{faces}</style>",
    )


def hungry(query: Query) -> str:
    """Uses `mb` megabytes of memory in its renderer, and finishes loading after `ms` milliseconds."""
    script = f"let kept = new Uint8Array({int(query['mb'])} * 1024 * 1024).fill(7)"
    wait = f"<img src='/slow?ms={int(query.get('ms', '0'))}'>"
    return document("hungry", f"<script>{script}</script>{wait}")


def keeps_blobs(query: Query) -> str:
    """Puts `mb` megabytes into blobs, which are in the browser process, before it has loaded."""
    script = f"""
      let megabyte = new Uint8Array(1024 * 1024).fill(7), kept = []
      for (let i = 0; i < {int(query["mb"])}; i++) kept.push(new Blob([megabyte]))
    """
    return document("keeps blobs", f"<script>{script}</script><img src='/slow?ms=400'>")


def shapes(_: Query) -> str:
    """A page without text, so that it looks the same whatever fonts a machine has."""
    style = (
        "<style>body{margin:0;height:100vh;background:linear-gradient(90deg,#0a7,#fc3)}"
        "div{position:absolute;width:120px;height:120px}"
        "#a{left:20px;top:20px;background:#c02;border-radius:50%}"
        "#b{left:90px;top:60px;background:rgba(0,40,200,.6);transform:rotate(20deg)}"
        "#c{left:180px;top:20px;box-shadow:0 8px 16px #0008;background:#fff}</style>"
    )
    svg = "<svg style='position:absolute;left:20px;top:160px' width=280 height=60>"
    svg += "<path d='M0 60 C 70 -40 140 120 280 0' fill=none stroke=#124 stroke-width=6 /></svg>"
    return document("shapes", f"<div id=a></div><div id=b></div><div id=c></div>{svg}", style)


def script(source: str, body: str = "<p>before") -> Callable[[Query], str]:
    """A page with a script and little else."""
    return lambda _: document("script", f"{body}<script>{source}</script>")


def redirect_by_script(query: Query) -> str:
    """Navigates away while it loads, so its own load event never happens."""
    return document("left", f"<script>location.href='{query['to']}'</script><img src=/slow?ms=300>")


def redirect_after_load(query: Query) -> str:
    return document("left", f"<script>onload=()=>location.replace('{query['to']}')</script>")


def redirect_by_meta(query: Query) -> str:
    return document("left", "<p>moved", f"<meta http-equiv=refresh content='0;url={query['to']}'>")


def redirect_by_form(query: Query) -> str:
    return document(
        "left", f"<form action='{query['to']}'></form><script>document.forms[0].submit()</script>"
    )


def many_cookies(query: Query) -> str:
    """Sets `count` cookies of 3,000 bytes, then navigates to `to`."""
    set_all = f"for(let i=0;i<{int(query['count'])};i++)document.cookie=`c${{i}}=${{'v'.repeat(3000)}}`"
    # Reading them waits until all are set.
    return document("cookies", f"<script>{set_all};document.cookie;location.href='{query['to']}'</script>")


def silent_font(query: Query) -> str:
    """A page whose only font never arrives; `more` is added to the page."""
    face = "@font-face{font-family:silent;src:url(/silent)}h1{font-family:silent}"
    return document("silent font", f"<h1>Hello</h1>{query.get('more', '')}", f"<style>{face}</style>")


def lazy(_: Query) -> str:
    """A picture far down the page that is only loaded when the page is scrolled near it."""
    gap = "<div style='height:6000px'></div>"
    return document("lazy", f"{gap}<img loading=lazy src=/photo/0.jpg width=900 height=600>")


def with_part(query: Query) -> str:
    """A page with one picture, whose address is `part`."""
    return document("with part", f"<p>a page<img src='{query['part']}'>")


def given(query: Query) -> str:
    """The document that the address contains."""
    return query["html"]


PAGES: dict[str, Callable[[Query], str]] = {
    "/tiny": tiny,
    "/photo": photo,
    "/dashboard": dashboard,
    "/long": long,
    "/bands": bands,
    "/fonts": fonts,
    "/hungry": hungry,
    "/keeps-blobs": keeps_blobs,
    "/shapes": shapes,
    "/lazy": lazy,
    "/with-part": with_part,
    "/given": given,
    "/silent-font": silent_font,
    "/many-cookies": many_cookies,
    "/redirect-by-script": redirect_by_script,
    "/redirect-after-load": redirect_after_load,
    "/redirect-by-meta": redirect_by_meta,
    "/redirect-by-form": redirect_by_form,
    "/redirect-forever": script("location.href='/redirect-forever?'+Math.random()"),
    # 60,000 nested elements: the layout recurses until the renderer's stack overflows (70 ms).
    "/crash": script(
        "onload=()=>{let e=document.body;"
        "for(let i=0;i<60000;i++)e=e.appendChild(document.createElement('div'));"
        "e.textContent='x';document.body.offsetHeight}"
    ),
    "/dialogs": script(
        "alert(1);document.title=String([confirm(2),prompt(3)]);"
        "onbeforeunload=event=>{event.preventDefault();return 'stay?'}"
    ),
    "/storage": script(
        "document.title=`${document.cookie}|${localStorage.x}`;document.cookie='a=1';localStorage.x='1'"
    ),
    "/popup": script("document.title=String(window.open('/tiny'));"),
    "/loop": script("onload=()=>{for(;;);}"),
    "/fetch-later": script("onload=()=>setTimeout(()=>fetch('/slow?ms=300'),200)"),
    "/late-font": script(
        "onload=()=>{const f=new FontFace('late','url(/font?ms=400)');"
        "document.fonts.add(f);f.load().catch(()=>{})}"
    ),
}
