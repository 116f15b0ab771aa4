"""Pages made of files: what such a page can do, and that nobody else gets at its files."""

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

from PIL import Image

from tests.kit.stages.browser_stage import TERMS, BrowserStage, request_for
from tests.site import pictures
from worker.attempts.unpacked_files import unpacked

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

ORIGIN = "http://files.localhost"
# Which of the machine's fonts is of no matter: it is known as Own only if it was loaded from the files.
FONT = next(Path("/usr/share/fonts").rglob("*.ttf")).read_bytes()
REPORT: dict[str, bytes | str] = {
    "index.html": """<!doctype html><link rel="stylesheet" href="css/main.css">
        <h1>Übersicht</h1><img src="bilder/über uns.jpg" id="relative"><img src="/bilder/rot.svg" id="root">
        <iframe src="sub/"></iframe><script type="module" src="/js/app.mjs"></script>""",
    "css/main.css": """@font-face { font-family: Own; src: url(../fonts/own.ttf) }
        @import "/css/more.css"; h1 { font-family: Own }""",
    "css/more.css": "h1 { margin: 0 }",
    "fonts/own.ttf": FONT,
    "bilder/über uns.jpg": pictures.photo(1),
    "bilder/rot.svg": """<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">
        <rect width="20" height="20" fill="red"/></svg>""",
    "js/app.mjs": """import { heading } from './heading.js';
        const figures = await (await fetch('../data/figures.json')).json();
        const part = await fetch('/data/figures.json', { headers: { Range: 'bytes=0-8' } });
        await document.fonts.load('20px Own');
        const frame = document.querySelector('iframe').contentDocument;
        document.title = JSON.stringify({
            heading: heading(), figures, part: [part.status, await part.text()],
            font: [...document.fonts].map(font => font.status), frame: frame.body.textContent,
            pictures: [...document.images].map(image => image.naturalWidth > 0),
            secure: isSecureContext, origin, digest: typeof crypto.subtle.digest,
            storage: (localStorage.a = 'b', localStorage.a) });""",
    "js/heading.js": "export const heading = () => document.querySelector('h1').textContent;",
    "data/figures.json": '{"sum": 7}',
    "sub/index.html": "<body>frame</body>",
}


def encoded(files: dict[str, bytes | str]) -> dict[str, str]:
    raw = {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}
    return {name: base64.b64encode(body).decode() for name, body in raw.items()}


async def test_a_folder_is_rendered_as_from_a_web_server(shared: BrowserStage) -> None:
    rendered = await shared.render(files=encoded(REPORT), wait_for_function="document.title")
    assert rendered.warnings == []
    assert (rendered.page.final_url, rendered.page.http_status) == (f"{ORIGIN}/index.html", 200)
    assert rendered.page.title == (
        '{"heading":"Übersicht","figures":{"sum":7},"part":[206,"{\\"sum\\": 7"],"font":["loaded"],'
        '"frame":"frame","pictures":[true,true],"secure":true,"origin":"http://files.localhost",'
        '"digest":"function","storage":"b"}'
    )
    with Image.open(shared.output) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(2_000_000) or ()}
    assert (255, 0, 0) in colours
    assert not list(shared.folder.glob("*.files")), "they are gone from the disk"


async def test_a_document_may_say_its_encoding_if_it_is_not_utf_8(shared: BrowserStage) -> None:
    html = "<meta charset=iso-8859-1><title>Größe</title>"
    rendered = await shared.render(files=encoded({"index.html": html.encode("iso-8859-1")}))
    assert rendered.page.title == "Größe"
    rendered = await shared.render(files=encoded({"index.html": "<title>Größe</title>"}))
    assert rendered.page.title == "Größe"


async def test_what_is_missing_is_named(shared: BrowserStage) -> None:
    files = encoded({"index.html": "<img src=logo.png><img src=/a/b%20c.png><script src=../x.js></script>"})
    [warning] = (await shared.render(files=files)).warnings
    assert warning.startswith("files: the page asked for what is not among its files: ")
    assert {"logo.png", "a/b c.png", "x.js"} == set(
        warning.partition("files: ")[2].partition(": ")[2].split(", ")
    )


async def test_a_font_that_is_no_font_is_named(shared: BrowserStage) -> None:
    page = "<style>@font-face { font-family: Own; src: url(own.woff2) } p { font-family: Own }</style><p>text"
    files = encoded({"index.html": page, "own.woff2": b"<!doctype html>not found", "unused.ttf": b"x"})
    rendered = await shared.render(files=files)
    assert rendered.warnings == [
        "files: these are no fonts, so that the page is shown in other ones: own.woff2"
    ]


async def test_other_traffic_is_judged_as_always(shared: BrowserStage) -> None:
    html = f"""<title></title><img src="{shared.site.url("/photo/1.jpg")}"
        onload="document.title += 'site'"><img src="http://localhost:{shared.site.port}/photo/1.jpg">"""
    rendered = await shared.render(files=encoded({"index.html": html}))
    assert rendered.page.title == "site"
    assert rendered.warnings == [f"blocked: http://localhost:{shared.site.port} (not public)"]


THIEF = """<script>
    const said = [];
    const told = () => said.length === 3 && parent.postMessage(said.sort().join(' '), '*');
    const script = document.createElement('script');
    script.onload = () => told(said.push('script'));
    script.onerror = () => told(said.push('no-script'));
    script.src = 'http://files.localhost/secret.js';
    document.head.append(script);
    const image = new Image();
    image.onload = () => told(said.push('image'));
    image.onerror = () => told(said.push('no-image'));
    image.src = 'http://files.localhost/picture.svg';
    fetch(script.src).then(() => told(said.push('fetch')), () => told(said.push('no-fetch')));
</script>"""


async def test_a_frame_from_elsewhere_gets_none_of_them(shared: BrowserStage) -> None:
    frame = base64.b64encode(THIEF.encode()).decode()
    html = f"""<title></title><script>onmessage = event => document.title = event.data</script>
        <iframe src="data:text/html;base64,{frame}"></iframe>"""
    files = encoded({"index.html": html, "secret.js": "1", "picture.svg": REPORT["bilder/rot.svg"]})
    rendered = await shared.render(files=files, wait_for_function="document.title")
    assert rendered.page.title == "no-fetch no-image no-script"


async def test_the_page_of_another_job_gets_none_of_them(shared: BrowserStage) -> None:
    """While the first page has its files, and whether or not the other page has files of its own."""
    steal = f"""<title></title><script type=module>
        const told = [];
        for (const name of ['secret.txt', 'index.html'])
            told.push(await fetch('{ORIGIN}/' + name).then(answer => answer.text(), () => 'failed'));
        document.title = told.join(' ');
    </script>"""
    request = request_for(files=encoded({"index.html": "<p>own</p>", "secret.txt": "swordfish"}))
    folder = shared.folder / "first.files"
    async with shared.pool.page() as first, unpacked(request.files, folder) as bundle:
        first.port.admit(replace(TERMS, own_site=bundle))
        await first.navigate(f"{ORIGIN}/index.html")
        read = "fetch('/secret.txt').then(answer => answer.text())"
        assert await first.evaluate(read) == "swordfish"
        without = await shared.render(html=steal, wait_for_function="document.title")
        assert without.page.title == "failed failed"
        files = encoded({"index.html": steal})
        having = await shared.render(files=files, wait_for_function="document.title")
        assert "swordfish" not in (having.page.title or "")
        assert (having.page.title or "").startswith("There is no such file.")
        assert await first.evaluate(read) == "swordfish"


async def test_jobs_at_the_same_time_have_files_of_their_own(shared: BrowserStage) -> None:
    async def title(name: str) -> str | None:
        files = encoded(
            {"index.html": "<script src=name.js></script>", "name.js": f"document.title = '{name}'"}
        )
        return (await shared.render(files=files, wait_for_function="document.title")).page.title

    names = ["a", "b", "c", "d"]
    assert await asyncio.gather(*map(title, names)) == names
