"""What a PDF holds of the page: which pages, which structure, whose title and language."""

from pathlib import Path
from typing import Any

import pypdf
import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pdfs import catalog, outline_titles, pages, text
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from worker.render import pipeline
from worker.resources.memory.page_memory import MIB, MemoryExcess, MemoryHolder

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

CHAPTERS = "<!doctype html><html lang=fr><title>Livre</title><style>h1{break-before:page}</style>" + "".join(
    f"<h1>chapter {number}</h1><h2>part</h2>" for number in range(1, 6)
)


async def printed(stage: BrowserStage, **pdf: Any) -> Path:
    await stage.render(html=CHAPTERS, format="pdf", pdf=pdf)
    return stage.output


@pytest.mark.parametrize(
    ("ranges", "numbers"), [("2", [2]), ("1-2, 4", [1, 2, 4]), ("4-", [4, 5]), ("5,5-9", [5])]
)
async def test_only_the_pages_that_are_wanted_are_printed(
    shared: BrowserStage, ranges: str, numbers: list[int]
) -> None:
    rendered = await shared.render(html=CHAPTERS, format="pdf", pdf={"page_ranges": ranges})
    assert rendered.artifact.pages == len(numbers)
    assert [text(page) for page in pages(shared.output)] == [f"chapter {number} part" for number in numbers]


async def test_pages_beyond_the_end_are_refused_with_a_sentence(shared: BrowserStage) -> None:
    with pytest.raises(RenderError) as caught:
        await shared.render(html=CHAPTERS, format="pdf", pdf={"page_ranges": "6-7"})
    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.detail == "pdf.page_ranges: the document ends before the first page of 6-7"


async def test_an_outline_is_made_of_the_headings(shared: BrowserStage) -> None:
    chapters = [f"chapter {number}" for number in range(1, 6)]
    assert outline_titles(await printed(shared, outline=True)) == chapters
    assert outline_titles(await printed(shared)) == []


async def test_the_structure_is_written_unless_it_is_not_wanted(shared: BrowserStage) -> None:
    assert "/StructTreeRoot" in catalog(await printed(shared))
    assert "/StructTreeRoot" not in catalog(await printed(shared, tagged=False))


async def test_title_and_language_are_known(shared: BrowserStage) -> None:
    rendered = await shared.render(html=CHAPTERS, format="pdf")
    assert (rendered.page.title, rendered.page.language) == ("Livre", "fr")
    metadata = pypdf.PdfReader(shared.output).metadata
    assert metadata is not None
    assert (metadata.title, str(catalog(shared.output)["/Lang"])) == ("Livre", "fr")


async def test_a_page_that_was_ended_for_its_memory_is_told_so_when_chromium_only_refuses(
    shared: BrowserStage,
) -> None:
    request = request_for(html=CHAPTERS, format="pdf", pdf={"page_ranges": "6-7"})
    async with shared.page() as page:
        # As the memory guard leaves it, before the end of the renderer is known.
        page.memory.excess = MemoryExcess(MemoryHolder.RENDERER, 600 * MIB, 512 * MIB)
        with pytest.raises(RenderError) as caught:
            await pipeline.render(page, request, shared.output, TERMS, max_bytes=MAX_BYTES)
    assert caught.value.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert caught.value.detail == "the page took 600 MiB of memory; a render may take 512 MiB"
