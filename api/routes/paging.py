"""Lists in pages, newest first: how many entries, after which one, and the cursor of the next page."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

from pydantic import Field

from api.dependencies import Parameters
from api.http.problems import RefusedError, refused_field
from fleet.jobs.read import LAST_ID

ItemT = TypeVar("ItemT")

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


@dataclass(frozen=True, slots=True)
class PageOf(Generic[ItemT]):
    """The entries of one page.

    Attributes:
        next_cursor: the cursor of the next page; None on the last page.
    """

    items: Sequence[ItemT]
    next_cursor: str | None


class PageParameters(Parameters):
    """The parameters of every list."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Entries on one page.")
    cursor: str | None = Field(
        default=None, max_length=100, description="`next_cursor` of the previous page."
    )

    @property
    def before(self) -> UUID:
        """All entries of the page have a smaller id than this. UUIDv7 ids grow with time.

        Raises:
            RefusedError: no list gives such a cursor.
        """
        try:
            return LAST_ID if self.cursor is None else uuid.UUID(self.cursor)
        except ValueError:
            raise unusable_cursor() from None

    @property
    def limit_to_read(self) -> int:
        """How many entries to read: one more than the page shows, to know whether there is a next page."""
        return self.limit + 1

    def page_of(self, found: Sequence[ItemT], id_of: Callable[[ItemT], UUID | str]) -> PageOf[ItemT]:
        """The page, of up to `limit_to_read` entries.

        Args:
            found: the entries, newest first.
            id_of: the id of an entry, which becomes the cursor.
        """
        items = found[: self.limit]
        return PageOf(items, next_cursor=str(id_of(items[-1])) if len(found) > len(items) else None)


def unusable_cursor() -> RefusedError:
    """The refusal of a cursor that no list gives."""
    return refused_field("cursor", "is not a cursor of this list", allowed="`next_cursor` of an earlier page")
