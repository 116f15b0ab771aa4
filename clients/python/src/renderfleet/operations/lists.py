"""Lists, which the API gives in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.document import Document

DocumentT = TypeVar("DocumentT", bound=Document)

# The most that the API gives at once.
LONGEST_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class PageOf(Generic[DocumentT]):
    """Some entries of a list.

    Attributes:
        next_cursor: `cursor` of the next page; None on the last one.
    """

    items: Sequence[DocumentT]
    next_cursor: str | None


def read_page(
    path: str, name: str, model: type[DocumentT], filters: Mapping[str, object], budget: Budget
) -> Operation[PageOf[DocumentT]]:
    """One page of a list.

    Args:
        path: of the list.
        name: of the entries in the answer.
        model: of an entry.
        filters: parameters; None is left out.
        budget: for trying again.
    """
    document = document_of((yield from answered(Call("GET", path, as_query(filters)), budget)))
    return PageOf([model.of(raw) for raw in document[name]], document["next_cursor"])


def as_query(filters: Mapping[str, object]) -> dict[str, str]:
    """Parameters as they are sent. None is left out; a time needs a time zone."""
    return {name: _text(value) for name, value in filters.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return as_time(value) if isinstance(value, datetime) else str(value)


def as_time(moment: datetime) -> str:
    """A time as the API reads it. One without a time zone is local."""
    return moment.astimezone().isoformat() if moment.tzinfo is None else moment.isoformat()


def segment(text: str) -> str:
    """A name or id as a part of a path."""
    return quote(text, safe="")
