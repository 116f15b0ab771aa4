"""What is done to a PDF after Chromium has printed it, asked for as a caller asks."""

import io
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest
from pikepdf import Encryption
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.made_pdfs import as_base64, made_pdf
from tests.kit.stages.browser_stage import POLICY, BrowserStage
from worker.egress.own_site.bundle import Bundle, BundleFile
from worker.egress.terms import Terms
from worker.render.bounds import USUAL, Bounds

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

CHAPTERS = "<!doctype html><html lang=fr><title>Livre</title><style>h1{break-before:page}</style>" + "".join(
    f"<h1 id=c{number}>chapter {number}</h1><a href='#c{number % 3 + 1}'>next</a>" for number in (1, 2, 3)
)
EMPTY = "<!doctype html><title>Empty</title>"


async def finished(stage: BrowserStage, html: str = EMPTY, /, **pdf: Any) -> pypdf.PdfReader:
    """Print, do what `pdf` asks for, and read the result. Its pages must have been counted right."""
    rendered = await stage.render(html=html, format="pdf", pdf=pdf)
    reader = pypdf.PdfReader(stage.output)
    if not reader.is_encrypted:
        assert rendered.artifact.pages == len(reader.pages)
    return reader


async def refused(
    stage: BrowserStage,
    type_: ErrorType = ErrorType.INVALID_REQUEST,
    bounds: Bounds = USUAL,
    /,
    **pdf: Any,
) -> str:
    with pytest.raises(RenderError) as caught:
        await stage.render(html=EMPTY, format="pdf", pdf=pdf, bounds=bounds)
    assert caught.value.type is type_
    return caught.value.detail


def root_of(reader: pypdf.PdfReader) -> Any:
    return reader.root_object


def texts(reader: pypdf.PdfReader) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def picture(path: Path, page: int = 0) -> Image.Image:
    document = pypdfium2.PdfDocument(path)
    try:
        drawn: Image.Image = document[page].render().to_pil()
        return drawn.convert("RGB")
    finally:
        document.close()


def ink(drawn: Image.Image) -> tuple[int, int, int, int] | None:
    """What is not white: left, top, right and bottom, in percent of the page."""
    box = drawn.convert("L").point(lambda value: 255 if value < 250 else 0).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    width, height = drawn.size
    return left * 100 // width, top * 100 // height, right * 100 // width, bottom * 100 // height


def darkest(drawn: Image.Image) -> int:
    return min(level for level, count in enumerate(drawn.convert("L").histogram()) if count)


async def test_a_cover_and_an_appendix_are_merged_with_outline_links_and_tags(shared: BrowserStage) -> None:
    cover, appendix = made_pdf("cover", outline=True), made_pdf("x", "y", tagged=True)
    reader = await finished(
        shared,
        CHAPTERS,
        outline=True,
        prepend=[{"content": as_base64(cover)}],
        append=[{"content": as_base64(appendix), "pages": "2, 1"}],
    )
    chapters = [f"chapter {number} next" for number in (1, 2, 3)]
    assert texts(reader) == ["cover", *chapters, "y", "x"]
    outline = [(item["/Title"], reader.get_destination_page_number(item)) for item in reader.outline]  # type: ignore[call-overload, arg-type]
    assert outline == [("cover", 0), ("chapter 1", 1), ("chapter 2", 2), ("chapter 3", 3)]
    links: Any = reader.pages[3]["/Annots"]
    target = root_of(reader)["/Dests"][links[0]["/Dest"]]
    assert target["/D"][0].get_object() == reader.pages[1]
    assert reader.metadata is not None
    assert reader.metadata.title == "Livre"
    assert root_of(reader)["/Lang"] == "fr"
    assert "/StructTreeRoot" in root_of(reader)


async def test_files_of_the_job_are_taken_by_their_names(shared: BrowserStage, tmp_path: Path) -> None:
    contents = {"index.html": b"<h1>page</h1>", "parts/cover.pdf": made_pdf("cover"), "a.xml": b"<a/>"}
    unpacked = {}
    for number, (name, data) in enumerate(contents.items()):
        path = tmp_path / str(number)
        path.write_bytes(data)
        unpacked[name] = BundleFile(path, len(data), "text/html")
    pdf = {"prepend": ["parts/cover.pdf"], "attachments": [{"name": "data.xml", "file": "a.xml"}]}
    files = {name: as_base64(data) for name, data in contents.items()}
    await shared.render(files=files, terms=Terms(POLICY, own_site=Bundle(unpacked)), format="pdf", pdf=pdf)
    reader = pypdf.PdfReader(shared.output)
    assert texts(reader) == ["cover", "page"]
    assert reader.attachments == {"data.xml": [b"<a/>"]}


async def test_pages_are_chosen_ordered_and_turned(shared: BrowserStage) -> None:
    rotate = [{"degrees": 90, "pages": "1"}]
    reader = await finished(shared, CHAPTERS, pages="3, 1", rotate=rotate)
    assert texts(reader) == ["chapter 3 next", "chapter 1 next"]
    assert [page.rotation for page in reader.pages] == [90, 0]


async def test_labels_count_more_than_the_page(shared: BrowserStage) -> None:
    labels = {"title": "Rapport", "author": "ACME", "keywords": ["a", "b"], "language": "fr-CH"}
    reader = await finished(shared, CHAPTERS, metadata=labels)
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Rapport", "ACME")
    assert reader.metadata.keywords == "a, b"
    assert reader.metadata.producer is not None
    assert root_of(reader)["/Lang"] == "fr-CH"


async def test_a_file_lies_in_the_document(shared: BrowserStage) -> None:
    given = {"name": "factur-x.xml", "content": as_base64(b"<a/>"), "relationship": "alternative"}
    reader = await finished(shared, attachments=[given])
    assert reader.attachments == {"factur-x.xml": [b"<a/>"]}
    (file,) = root_of(reader)["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Alternative"
    assert file.get_object()["/EF"]["/F"]["/Subtype"] in ("/text/xml", "/application/xml")


@pytest.mark.parametrize(
    ("password", "opened_by", "printing"),
    [
        ({"user": "u"}, "u", "allowed"),
        ({"user": "u", "permissions": []}, "u", "forbidden"),
        ({"owner": "o", "permissions": ["copy"]}, "", "forbidden"),
        ({"user": "u", "owner": "o", "permissions": ["print"]}, "u", "allowed"),
    ],
)
async def test_the_document_is_encrypted(
    shared: BrowserStage, password: dict[str, Any], opened_by: str, printing: str
) -> None:
    reader = await finished(shared, CHAPTERS, password=password)
    assert reader.decrypt(opened_by) is pypdf.PasswordType.USER_PASSWORD
    assert texts(reader)[0] == "chapter 1 next"
    permissions = reader.user_access_permissions
    assert permissions is not None
    is_allowed = pypdf.constants.UserAccessPermissions.PRINT in permissions
    assert printing == ("allowed" if is_allowed else "forbidden")
    if "owner" not in password:
        # An owner's password that everybody knows would lift the permissions.
        assert pypdf.PdfReader(shared.output).decrypt("") is pypdf.PasswordType.NOT_DECRYPTED


@pytest.mark.parametrize("text", ["DRAFT", "ENTWURF\nnicht verteilen", "草案", "Черновик <b>"])
async def test_a_text_is_drawn_across_each_page(shared: BrowserStage, text: str) -> None:
    reader = await finished(shared, CHAPTERS, watermark={"text": text, "color": "#ff0000"})
    assert len(reader.pages) == 3
    for page in range(3):
        found = ink(picture(shared.output, page))
        assert found is not None
        assert found[2] - found[0] > 60, "as wide as the page allows"
        assert found[3] > 55, "through its middle"
    for line in text.split("\n"):
        assert line in texts(reader)[2]


async def test_a_text_is_faint_and_rises_unless_asked_otherwise(shared: BrowserStage) -> None:
    await finished(shared, watermark={"text": "XXXXXXXX", "color": "black"})
    drawn = picture(shared.output)
    assert darkest(drawn) == pytest.approx(255 * 0.7, abs=3)
    width, height = drawn.size
    lower_left, upper_left = (drawn.crop((0, top, width // 2, top + height // 2)) for top in (height // 2, 0))
    assert ink(lower_left) is not None
    assert (ink(upper_left) or (0, 0, 0, 0))[1] > 80
    await finished(shared, watermark={"text": "XXXXXXXX", "color": "black", "opacity": 1, "rotation": 0})
    drawn = picture(shared.output)
    assert darkest(drawn) < 10
    found = ink(drawn)
    assert found is not None
    assert found[2] - found[0] == pytest.approx(80, abs=3)
    assert 45 < found[1] < found[3] < 55


async def test_a_picture_is_drawn_where_it_is_wanted(shared: BrowserStage) -> None:
    data = io.BytesIO()
    Image.new("RGBA", (30, 10), (0, 0, 255, 255)).save(data, "PNG")
    red = "<!doctype html><style>html{background:red}@page{margin:0}</style><h1>a</h1>"
    mark = {"image": {"content": as_base64(data.getvalue())}, "scale": 0.2}
    await finished(shared, red, margin=dict.fromkeys(("top", "left", "right", "bottom"), 0), watermark=mark)
    drawn = picture(shared.output)
    middle = (drawn.width // 2, drawn.height // 2)
    assert drawn.getpixel(middle) == (0, 0, 255)
    blue = drawn.split()[2].getbbox()
    assert blue is not None
    assert (blue[2] - blue[0]) / drawn.width == pytest.approx(0.2, abs=0.01)
    under = {**mark, "layer": "under"}
    await finished(shared, red, margin=dict.fromkeys(("top", "left", "right", "bottom"), 0), watermark=under)
    assert picture(shared.output).getpixel(middle) == (255, 0, 0)


async def test_a_pdf_is_the_paper_of_a_letter(shared: BrowserStage) -> None:
    paper = made_pdf("first", "LETTERHEAD")
    mark = {"pdf": {"content": as_base64(paper), "pages": "2"}, "layer": "under", "pages": "1, 3"}
    found = texts(await finished(shared, CHAPTERS, watermark=mark))
    assert ["LETTERHEAD" in text for text in found] == [True, False, True]
    assert not any("first" in text for text in found)


async def test_scripts_of_the_page_do_not_reach_the_watermark(shared: BrowserStage) -> None:
    hostile = """<!doctype html><h1>page</h1><script>
      const remove = () => document.getElementById("mark")?.replaceChildren("CHANGED");
      new MutationObserver(remove).observe(document, { childList: true, subtree: true });
      setInterval(remove, 1);
    </script>"""
    found = texts(await finished(shared, hostile, watermark={"text": "SECRET"}))
    assert "SECRET" in found[0]
    assert "CHANGED" not in found[0]


async def test_a_watermark_is_drawn_without_scripts(shared: BrowserStage) -> None:
    watermark = {"watermark": {"text": "DRAFT"}}
    await shared.render(html=EMPTY, format="pdf", java_script_enabled=False, pdf=watermark)
    assert texts(pypdf.PdfReader(shared.output)) == ["DRAFT"]


async def test_a_document_is_made_small(shared: BrowserStage) -> None:
    html = "<!doctype html>" + "<table><tr><td>a<td>b</table>" * 300
    large = await shared.render(html=html, format="pdf")
    small = await shared.render(html=html, format="pdf", optimize="size")
    assert small.artifact.size_bytes < large.artifact.size_bytes * 0.6
    assert small.artifact.pages == large.artifact.pages
    assert "a b" in texts(pypdf.PdfReader(shared.output))[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: b"GIF89a", "is broken: no PDF can be read from it"),
        (
            lambda: made_pdf("a", encryption=Encryption(user="u")),
            "is encrypted: give a PDF without a password",
        ),
        # Made when it is needed: it takes a second.
        (
            lambda: made_pdf(*["x"] * 5000),
            "pdf: has 5,001 pages with all that is merged; at most 5,000 are allowed",
        ),
    ],
    ids=["broken", "encrypted", "too many pages"],
)
async def test_a_pdf_that_cannot_be_merged_fails_the_job_with_a_sentence(
    shared: BrowserStage, data: Callable[[], bytes], message: str
) -> None:
    detail = await refused(shared, append=[{"content": as_base64(data())}])
    assert detail in (message, f"pdf.append.0: {message}")


async def test_a_picture_that_is_none_fails_the_job_with_a_sentence(shared: BrowserStage) -> None:
    detail = await refused(shared, watermark={"image": {"content": as_base64(b"GIF89a")}})
    assert detail == "pdf.watermark.image: is no picture that Chromium can show"


async def test_pages_beyond_the_end_fail_the_job_with_a_sentence(shared: BrowserStage) -> None:
    assert await refused(shared, pages="1-2") == "pdf.pages: names page 2, and there is only 1 page"


@pytest.mark.parametrize(
    ("limit", "type_", "words"),
    [
        ({"memory_bytes": 72 * 2**20}, ErrorType.MEMORY_LIMIT_EXCEEDED, "needed more than"),
        ({"wall_s": 0.001}, ErrorType.PDF_FAILED, "took longer than"),
    ],
)
async def test_work_that_takes_too_much_is_ended(
    shared: BrowserStage, limit: dict[str, Any], type_: ErrorType, words: str
) -> None:
    bounds = Bounds(after_print=replace(USUAL.after_print, **limit))
    file = {"name": "zeros", "content": as_base64(bytes(24 * 2**20))}
    detail = await refused(shared, type_, bounds, attachments=[file])
    assert detail.startswith(f"pdf: what is done after printing {words}")


async def test_a_result_that_is_too_large_is_refused(shared: BrowserStage) -> None:
    attachment = {"name": "a.bin", "content": as_base64(secrets.token_bytes(100_000))}
    pdf = {"attachments": [attachment]}
    with pytest.raises(RenderError) as caught:
        await shared.render(html=EMPTY, format="pdf", pdf=pdf, max_bytes=50_000)
    assert caught.value.type is ErrorType.ARTIFACT_TOO_LARGE


async def test_nothing_is_left_behind(shared: BrowserStage) -> None:
    await finished(shared, prepend=[{"content": as_base64(made_pdf("a"))}], watermark={"text": "x"})
    await refused(shared, pages="7")
    assert not list(shared.folder.glob("after-print-*"))
