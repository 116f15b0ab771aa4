"""A folder with documents, and what the program makes of them after the printing."""

import json
from pathlib import Path
from typing import Any

import pypdf
import pytest

from fleet.confined.refusal import Refusal
from worker.render.after_print.program.main import work
from worker.render.after_print.program.order import Answer, Document, Order, Ranges


class Desk:
    """A folder with documents, and what the program makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"

    def document(self, data: bytes, field: str = "", pages: Ranges | None = None) -> Document:
        path = self.folder / f"document-{len(list(self.folder.iterdir()))}"
        path.write_bytes(data)
        return Document(path=str(path), field=field, pages=pages)

    def work(self, *documents: Document, printed: int = 0, **changes: Any) -> Answer:
        order = Order(
            documents=list(documents),
            printed=printed,
            pages=None,
            rotations=[],
            stamp=None,
            labels={},
            attachments=[],
            protection=None,
            is_small=False,
            output=str(self.output),
            max_pages=5000,
        )
        answer: Answer = json.loads(work(json.dumps({**order, **changes}).encode()))
        return answer

    def refusal(self, *documents: Document, **changes: Any) -> dict[str, Any]:
        with pytest.raises(Refusal) as caught:
            self.work(*documents, **changes)
        return caught.value.facts

    @property
    def made(self) -> pypdf.PdfReader:
        return pypdf.PdfReader(self.output)

    @property
    def root(self) -> Any:
        return self.made.root_object

    @property
    def texts(self) -> list[str]:
        return [page.extract_text().strip() for page in self.made.pages]
