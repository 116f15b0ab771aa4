"""Whole lists, page after page."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from renderfleet.blocking.runner import Runner
from renderfleet.models.document import Document
from renderfleet.operations.lists import LONGEST_PAGE, read_page

DocumentT = TypeVar("DocumentT", bound=Document)


def all_pages(
    runner: Runner,
    path: str,
    name: str,
    model: type[DocumentT],
    *,
    filters: Mapping[str, object] | None = None,
    limit: int | None = None,
) -> Iterator[DocumentT]:
    """The entries of a list, at most `limit`; pages are read as they are needed. See `read_page`."""
    left, cursor = limit, None
    while left is None or left > 0:
        size = LONGEST_PAGE if left is None else min(LONGEST_PAGE, left)
        query = {**(filters or {}), "cursor": cursor, "limit": size}
        page = runner.run(read_page(path, name, model, query, runner.budget))
        yield from page.items
        cursor = page.next_cursor
        left = None if left is None else left - len(page.items)
        if cursor is None:
            return
