"""What a page says of itself, by which it is judged: the answer of in_page/worth.js."""

from typing import TypedDict


class ImageFindings(TypedDict):
    """The pictures of a page, without those of a few pixels.

    Attributes:
        shown: how many in the window are there.
        shownShare: the share of the window that they fill; may be above 1.
        pageShown: how many in the whole page are there.
        missing: address of each that did not come, and whether its place is in the window.
        pending: how many in the window have not come yet.
        pagePending: how many in the page, without those that wait for being scrolled to.
    """

    shown: int
    shownShare: float
    pageShown: int
    missing: list[tuple[str, bool]]
    pending: int
    pagePending: int


class FontFindings(TypedDict):
    """The families of web fonts that the page uses.

    Attributes:
        failed: those that did not come, or that are no fonts.
        loading: those that have not come yet.
        loaded: those that are there.
        sources: of those that failed: family, address, and the status of its answer (0: not known).
    """

    failed: list[str]
    loading: list[str]
    loaded: list[str]
    sources: list[tuple[str, str, int]]


class Findings(TypedDict):
    """What is known of a page without its picture.

    The last six are 0 for a page with much text: nobody looked for them.

    Attributes:
        letters: of the text in the window; counted to about 2,000.
        pageLetters: of all text in the page, seen or not.
        words: the text in the window, at most 2,000 characters of it.
        headings: the first headings.
        images: the pictures.
        fonts: the web fonts.
        refused: address and status of requests that were answered with 400 or more.
        lost: addresses of elements that did not come.
        unsure: how many parts the document has asked for of which it does not know that they came.
        scriptErrors: how many errors the page's scripts have thrown or written to the console, as
            worker/browser/begun.js has counted them; 0 for a page without scripts.
        frames: how many frames the document has.
        sheets: addresses of the style sheets that apply to the screen.
        emptySheets: those that have no rule, as when a page came in place of a style sheet, or whose rules
            nobody may read.
        isPlain: whether the page looks as if it had no style sheet.
        media: the share of the window that is drawings, films and frames.
        fields: fields of forms in the window.
        passwords: how many of them are for passwords.
        widgets: things in the window that ask whether the visitor is a person.
        holders: the share of the window that is grey boxes in place of content.
        spinners: things in the window that say that something is loading, or move for ever.
    """

    letters: int
    pageLetters: int
    words: str
    headings: list[str]
    images: ImageFindings
    fonts: FontFindings
    refused: list[tuple[str, int]]
    lost: list[str]
    unsure: int
    scriptErrors: int
    frames: int
    sheets: list[str]
    emptySheets: list[str]
    isPlain: bool
    media: float
    fields: int
    passwords: int
    widgets: int
    holders: float
    spinners: int
