"""Pages of which parts did not come: pictures, style sheets."""

from typing import Final

from tests.verdicts.page import Kind, Words


def _shop(words: Words) -> str:
    items = "".join(
        f"<div><img src='/none/{number}.jpg'><p>{words.name} {number}, {words.number(5, 90)}.00</div>"
        for number in range(8)
    )
    return words.site(f"<h1>{words.name}</h1><div class=grid>{items}</div>")


def _article(words: Words) -> str:
    return words.site(
        f"<h1>{words.text(1)}</h1><img width=900 height=380 src='/none/hero.jpg'>{words.paragraphs(3)}"
    )


def _hanging_gallery(words: Words) -> str:
    items = "".join(f"<img src='/hang/{number}.jpg'>" for number in range(words.number(4, 5)))
    return words.site(f"<h1>{words.name}</h1><div class=grid><img src='{words.image()}'>{items}</div>")


def _refused_host(words: Words) -> str:
    items = "".join(f"<img src='http://cdn.invalid/{number}.jpg'><p>{words.text(1)}" for number in range(3))
    return words.site(f"<h1>{words.name}</h1>{items}")


def _map(words: Words) -> str:
    tiles = "".join(
        f"<img src='/{'none' if place % 3 else 'img'}/{place % 9 + 1}.jpg' style='width:160px;height:160px'>"
        for place in range(20)
    )
    return words.plain(f"<header>{words.name}</header><div style='font-size:0'>{tiles}</div>")


def _hanging_hero(words: Words) -> str:
    return words.site(
        f"<h1>{words.name}</h1><img src='/hang/hero.jpg' width=900 height=400>{words.paragraphs(2)}"
    )


_RULES: Final = "<link rel=stylesheet href='/{}/site.css'>"


def _unstyled(words: Words, lost: str, body: str) -> str:
    return f"<!doctype html><html lang=en><title>{words.name}</title>{lost}<body>{body}"


def _list() -> str:
    return (
        "<ul>" + "".join(f"<li><a href=#>{word}</a>" for word in ("Home", "Shop", "News", "About")) + "</ul>"
    )


def _no_sheet(words: Words) -> str:
    return _unstyled(words, _RULES.format("none"), f"{_list()}<h1>{words.name}</h1>{words.paragraphs(5)}")


def _no_sheet_of_cdn(words: Words) -> str:
    lost = "<link rel=stylesheet href='http://cdn.invalid/bootstrap.min.css'>"
    card = f"<div class=card><h5 class=card-title>{words.name}</h5><p class=card-text>{words.text(2)}</div>"
    return _unstyled(words, lost, f"<nav class=navbar>{_list()}</nav><div class=container>{card * 4}</div>")


def _two_of_three(words: Words) -> str:
    lost = (
        _RULES.format("none")
        + "<link rel=stylesheet href='/none/theme.css'><link rel=stylesheet href='/css/base.css'>"
    )
    return _unstyled(words, lost, f"{_list()}<h1>{words.name}</h1>{words.paragraphs(4)}")


def _html_instead(words: Words) -> str:
    return _unstyled(
        words, "<link rel=stylesheet href='/fallback/site.css'>", f"{_list()}{words.paragraphs(6)}"
    )


def _other_site(words: Words) -> str:
    lost = "<link rel=stylesheet href='{other}/none/site.css'>"
    return _unstyled(
        words,
        lost,
        f"{_list()}<h1>{words.name}</h1><form><input><button>Go</button></form>{words.paragraphs(4)}",
    )


def _layout_lost(words: Words) -> str:
    lost = "<link rel=stylesheet href='/css/base.css'><link rel=stylesheet href='/none/layout.css'>"
    return _unstyled(words, lost, f"{words.header()}<div class=grid>{words.paragraphs(6)}</div>")


HALF_LOADED: Final = Kind(
    "half loaded",
    frozenset({"images_missing", "images_pending"}),
    {
        "shop": _shop,
        "article": _article,
        "hanging-gallery": _hanging_gallery,
        "refused-host": _refused_host,
        "map": _map,
        "hanging-hero": _hanging_hero,
    },
    options={"best_attempt": True, "navigation_timeout_ms": 1500},
)
BROKEN_STYLES: Final = Kind(
    "broken style sheet",
    frozenset({"styles_missing"}),
    {
        "no-sheet": _no_sheet,
        "no-sheet-of-cdn": _no_sheet_of_cdn,
        "two-of-three": _two_of_three,
        "html-instead": _html_instead,
        "other-site": _other_site,
        "layout-lost": _layout_lost,
    },
)
