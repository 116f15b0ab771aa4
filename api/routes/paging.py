"""Lists in pages, newest first: how many, from where on, and the cursor of the next page."""

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
    """What one page shows.

    Attributes:
        next_cursor: of the page after this one; None on the last one.
    """

    items: Sequence[ItemT]
    next_cursor: str | None


class PageParameters(Parameters):
    """Parameters of every list."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Entries on one page.")
    cursor: str | None = Field(
        default=None, max_length=100, description="`next_cursor` of the page before this one."
    )

    @property
    def before(self) -> UUID:
        """The page holds what has a smaller id than this: UUIDv7 ids grow with time.

        Raises:
            RefusedError: the cursor is not one of ours.
        """
        try:
            return LAST_ID if self.cursor is None else uuid.UUID(self.cursor)
        except ValueError:
            raise unusable_cursor() from None

    @property
    def limit_to_read(self) -> int:
        """How many entries to read: one more than the page shows tells whether there is another page."""
        return self.limit + 1

    def page_of(self, found: Sequence[ItemT], id_of: Callable[[ItemT], UUID | str]) -> PageOf[ItemT]:
        """The page, of up to `limit_to_read` entries.

        Args:
            found: the entries, newest first.
            id_of: what the next page goes on behind.
        """
        items = found[: self.limit]
        return PageOf(items, next_cursor=str(id_of(items[-1])) if len(found) > len(items) else None)


def unusable_cursor() -> RefusedError:
    """The refusal of a cursor that no list has given."""
    return refused_field("cursor", "is not a cursor of this list", allowed="`next_cursor` of an earlier page")
