"""Judges a render as a person would who sees its picture.

Each rule gives a reason and how much it takes from the score: 1 takes all of it. The numbers of `Thresholds`
were chosen with half of a collection of labelled pages and tried with the other half (docs/verdict.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from fleet.jobs.facts import PageFacts
from fleet.jobs.verdict import FailedRequestDocument, VerdictDocument
from worker.render.verdict import phrases
from worker.render.verdict.findings import Findings

Reason: TypeAlias = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a rule begins to hold.

    Attributes:
        blank_share: of a picture's most frequent colour, for a page that says nothing.
        loading_letters: a page that has so many in its window is not just a spinner.
        holders_share: of the window, that is grey boxes in place of content.
        wall_letters: a wall against programs or visitors says no more.
        error_letters: nor does an error page.
        images_share: of the images, that did not come.
    """

    blank_share: float = 0.997
    loading_letters: int = 40
    holders_share: float = 0.06
    wall_letters: int = 1200
    error_letters: int = 1000
    images_share: float = 0.3


THRESHOLDS: Final = Thresholds()
# Nobody misses letters on a page that shows something else in so much of its window.
_PICTURE_SHARE: Final = 0.1
# A window with more text is no skeleton.
_SKELETON_LETTERS: Final = 500
_BAD: Final = 0.8
_SOME: Final = 0.1


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a render.

    Attributes:
        asked_url: the address that was asked for; None: it was HTML.
        page: what the page is.
        findings: what it says of itself; None: it did not answer.
        blank_share: how much of the picture has one colour; None: not counted.
        missing_images: of those in the picture.
        pending_images: of those in the picture.
        shown_images: of those in the picture.
        lost_sheets: the share of its style sheets that did not come.
        lost_fonts: the families of fonts that cannot be used, each with address and reason, for a warning.
        failed: the parts of the page that did not come.
        cut_height: CSS pixels of the page that did not fit in.
        console_errors: of its scripts.
        is_parsed: whether the document has come to its end.
        goes_on: whether it was captured while something still went on.
    """

    asked_url: str | None
    page: PageFacts
    findings: Findings | None
    blank_share: float | None = None
    missing_images: int = 0
    pending_images: int = 0
    shown_images: int = 0
    lost_sheets: float = 0.0
    lost_fonts: Sequence[str] = ()
    failed: list[FailedRequestDocument] = field(default_factory=list)
    cut_height: int = 0
    console_errors: int = 0
    is_parsed: bool = True
    goes_on: bool = False


def judge(case: Case, thresholds: Thresholds = THRESHOLDS) -> VerdictDocument:
    """The verdict on a render."""
    reasons = sorted(_reasons(case, thresholds), key=lambda reason: -reason[1])
    words = [word for word, _ in reasons]
    score = 1.0
    for _, weight in reasons:
        score *= 1 - weight
    fonts = case.findings["fonts"] if case.findings is not None else None
    missing_fonts = [*fonts["failed"], *fonts["loading"]] if fonts is not None else []
    return VerdictDocument(
        score=round(score, 2),
        reasons=words,
        blank_share=None if case.blank_share is None else round(case.blank_share, 6),
        is_blank="blank" in words,
        is_error_page="error_page" in words,
        blocked_by_bot_wall="bot_wall" in words,
        failed_requests=case.failed,
        missing_images=case.missing_images,
        pending_images=case.pending_images,
        missing_fonts=missing_fonts,
        fallback_used=_uses_fallback(case.findings),
        cut_height=case.cut_height,
        console_errors=case.console_errors,
    )


def _reasons(case: Case, thresholds: Thresholds) -> Iterator[Reason]:
    found = case.findings
    if case.page.is_error:
        yield "error_page", _BAD
    if case.blank_share == 1:
        yield "blank", 1.0
    elif found is not None and (word := _instead_of_content(case, found, thresholds)):
        yield word, _BAD
    elif not case.is_parsed:
        yield "loading", _BAD
    yield from _of_images(case, thresholds)
    if case.lost_sheets:
        is_bare = found is not None and found["isPlain"]
        yield "styles_missing", _BAD if is_bare or case.lost_sheets >= _HALF else 3 * _SOME
    if _uses_fallback(found):
        yield "fonts_missing", _SOME
    if case.cut_height:
        yield "cut", 2 * _SOME
    if case.console_errors:
        yield "console_errors", _SOME / 2


_HALF: Final = 0.5


def _instead_of_content(case: Case, found: Findings, thresholds: Thresholds) -> str:
    """What a page shows that shows no content; empty: it shows some."""
    if _is_blank(case, found, thresholds):
        return "blank"
    if _is_bot_wall(found, thresholds):
        return "bot_wall"
    if not case.page.is_error and _is_error(case.page, found, thresholds):
        return "error_page"
    if _is_login_wall(case, found, thresholds):
        return "login_wall"
    return "loading" if _is_loading(case, found, thresholds) else ""


def _is_blank(case: Case, found: Findings, thresholds: Thresholds) -> bool:
    shows = found["letters"] or found["images"]["shown"] or found["fields"] or found["spinners"]
    if case.blank_share is None:  # no picture was made
        images = found["images"]["pageShown"] + found["images"]["pagePending"]
        return not (shows or found["media"] or images or found["pageLetters"])
    return not shows and case.blank_share >= thresholds.blank_share


def _is_bot_wall(found: Findings, thresholds: Thresholds) -> bool:
    if found["pageLetters"] > thresholds.wall_letters or found["passwords"]:
        return False
    if phrases.BOT_WALL.search("\n".join(found["headings"])):
        return True
    says = phrases.BOT_WALL.search(found["words"]) is not None
    return (says and found["fields"] <= 1) or (found["widgets"] > 0 and found["fields"] == 0)


def _is_error(page: PageFacts, found: Findings, thresholds: Thresholds) -> bool:
    if found["pageLetters"] > thresholds.error_letters:
        return False
    heads = [page.title or "", *found["headings"]]
    return any(phrases.ERROR_HEADING.search(head) for head in heads) or (
        found["letters"] <= thresholds.error_letters // 4
        # A number alone may be one of a table.
        and any(
            phrases.ERROR_HEADING.search(line)
            for line in found["words"].splitlines()
            if any(map(str.isalpha, line))
        )
    )


def _is_login_wall(case: Case, found: Findings, thresholds: Thresholds) -> bool:
    if found["pageLetters"] > thresholds.wall_letters or _is_for_login(case.asked_url):
        return False
    if found["passwords"] and _is_for_login(case.page.final_url):
        return True
    says = phrases.LOGIN_WALL.search(f"{found['words']}\n" + "\n".join(found["headings"])) is not None
    return says and (found["passwords"] > 0 or found["letters"] <= thresholds.wall_letters // 3)


def _is_for_login(url: str | None) -> bool:
    if url is None:
        return False
    parts = urlsplit(url)
    return phrases.LOGIN_ADDRESS.search(f"{parts.hostname or ''}{parts.path}") is not None


def _is_loading(case: Case, found: Findings, thresholds: Thresholds) -> bool:
    if found["images"]["shownShare"] + found["media"] > _PICTURE_SHARE:
        return False
    if found["letters"] <= _SKELETON_LETTERS and found["holders"] >= thresholds.holders_share:
        return True
    return found["letters"] <= thresholds.loading_letters and (
        found["spinners"] > 0 or case.goes_on or phrases.LOADING.search(found["words"]) is not None
    )


def _of_images(case: Case, thresholds: Thresholds) -> Iterator[Reason]:
    there = case.shown_images + case.missing_images + case.pending_images
    for word, count in (("images_missing", case.missing_images), ("images_pending", case.pending_images)):
        if count:
            yield word, _BAD - 2 * _SOME if count / there >= thresholds.images_share else 2 * _SOME


def _uses_fallback(found: Findings | None) -> bool:
    if found is None:
        return False
    fonts = found["fonts"]
    return any(family not in fonts["loaded"] for family in (*fonts["failed"], *fonts["loading"]))
