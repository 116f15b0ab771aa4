"""Whole lists, page after page."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

from renderfleet.asynchronous.runner import AsyncRunner
from renderfleet.models.document import Document
from renderfleet.operations.lists import LONGEST_PAGE, read_page

DocumentT = TypeVar("DocumentT", bound=Document)


async def all_pages(
    runner: AsyncRunner,
    path: str,
    name: str,
    model: type[DocumentT],
    *,
    filters: Mapping[str, object] | None = None,
    limit: int | None = None,
) -> AsyncIterator[DocumentT]:
    """The entries of a list, at most `limit`; pages are read as they are needed. See `read_page`."""
    left, cursor = limit, None
    while left is None or left > 0:
        size = LONGEST_PAGE if left is None else min(LONGEST_PAGE, left)
        query = {**(filters or {}), "cursor": cursor, "limit": size}
        page = await runner.run(read_page(path, name, model, query, runner.budget))
        for item in page.items:
            yield item
        cursor = page.next_cursor
        left = None if left is None else left - len(page.items)
        if cursor is None:
            return
