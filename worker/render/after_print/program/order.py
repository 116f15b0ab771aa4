"""What the worker writes to the program, and what it answers: JSON both ways."""

from typing import TypeAlias, TypedDict

# Pairs of first and last page, from 1; negative numbers count from the end: -1 is the last page.
Ranges: TypeAlias = list[tuple[int, int]]


class Document(TypedDict):
    """One PDF that goes into the result.

    Attributes:
        path: of its file.
        field: the option that names it, for messages.
        pages: those that are taken, in this order; None: all.
    """

    path: str
    field: str
    pages: Ranges | None


class PageTurn(TypedDict):
    """A turn of pages of the result, clockwise."""

    degrees: int
    pages: Ranges | None


class Stamp(TypedDict):
    """What is drawn on pages of the result: one page of a PDF.

    Attributes:
        path: of its file.
        field: the option that names it, for messages.
        page: which page of the file is drawn, as in `Ranges`.
        opacity: above 0, up to 1.
        degrees: clockwise.
        share: of the page's width and height that it fills at most.
        is_over: whether it covers the page, or lies under it.
        pages: on which pages; None: on all.
    """

    path: str
    field: str
    page: int
    opacity: float
    degrees: float
    share: float
    is_over: bool
    pages: Ranges | None


class Attachment(TypedDict):
    """A file inside of the result. `relationship` is a name of ISO 32000-2, table 43, such as `Source`."""

    path: str
    name: str
    content_type: str
    relationship: str
    description: str


class Protection(TypedDict):
    """The passwords of the result, and what may be done without the owner's."""

    user: str
    owner: str
    permissions: list[str]


class Order(TypedDict):
    """All that is to be done.

    Attributes:
        documents: in the order of the result.
        printed: which of them Chromium has printed; the result has its title, language and dates.
        pages: of all documents together, those that are taken, in this order; None: all.
        rotations: one after the other.
        labels: `title`, `author`, `subject`, `keywords`, `creator`, `language`; only those that are set.
        is_small: whether objects are packed into compressed streams.
        output: the path of the result.
        max_pages: of all documents together.
    """

    documents: list[Document]
    printed: int
    pages: Ranges | None
    rotations: list[PageTurn]
    stamp: Stamp | None
    labels: dict[str, str]
    attachments: list[Attachment]
    protection: Protection | None
    is_small: bool
    output: str
    max_pages: int


class Answer(TypedDict):
    """What became of it."""

    pages: int
    warnings: list[str]
