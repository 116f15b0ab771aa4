"""Pages that show nothing, or not all of it yet."""

from typing import Final

from tests.verdicts.page import Kind, Words

_RING: Final = (
    "<style>@keyframes turn{to{transform:rotate(1turn)}}.ring{width:48px;height:48px;border-radius:50%;"
    "border:5px solid #ddd;border-top-color:#555;animation:turn 1s linear infinite}</style>"
)
_GREY: Final = (
    "<style>@keyframes glow{50%{opacity:.5}}.skeleton{background:#e4e4e7;border-radius:6px;"
    "animation:glow 1.5s infinite}.line{height:16px;margin:12px 0}.card{height:180px}</style>"
)


def _empty(words: Words) -> str:
    return f"<!doctype html><title>{words.name}</title><body>"


def _unstarted_app(words: Words) -> str:
    return words.plain('<div id=root></div><script src="/none/app.js"></script>')


def _hidden(words: Words) -> str:
    return words.plain(
        f"<div style='{words.nth('display:none', 'opacity:0', 'visibility:hidden')}'>{words.text(9)}</div>"
    )


def _invisible_text(words: Words) -> str:
    return words.plain(f"<div style='color:#fff;padding:40px'>{words.paragraphs(3)}</div>")


def _coloured(words: Words) -> str:
    return words.plain(f"<div style='background:{words.colour};height:100vh'></div>")


def _thrown(words: Words) -> str:
    return words.plain(
        f"<main></main><script>document.querySelector('main').textContent = {words.name}.title</script>"
    )


def _ring(words: Words) -> str:
    return words.plain(f"{_RING}<div class=centre><div class=ring></div></div>")


def _named_ring(words: Words) -> str:
    name = words.nth("spinner", "loader", "app-loading")
    return words.plain(f"{_RING}<div class=centre><div class='ring {name}'></div><p>{words.name}</p></div>")


def _word(words: Words) -> str:
    word = words.nth("Loading…", "Please wait...", "Wird geladen", "Chargement en cours", "Cargando")
    return words.plain(f"<div class=centre><p>{word}</p></div>")


def _dots(words: Words) -> str:
    dots = "".join(f"<i style='animation-delay:{place / 5}s'></i>" for place in range(words.number(3, 5)))
    sheet = (
        "<style>@keyframes hop{50%{transform:translateY(-12px)}}.dots i{display:inline-block;width:12px;"
        f"height:12px;margin:4px;border-radius:50%;background:{words.colour};animation:hop 1s infinite}}</style>"
    )
    return words.plain(f"{sheet}<div class='centre dots'><div>{dots}</div></div>")


def _bar(words: Words) -> str:
    bar = f"<div role=progressbar style='width:320px;height:8px;background:{words.colour}'></div>"
    return words.plain(f"<div class=centre><b>{words.name}</b>{bar}</div>")


def _app_shell(words: Words) -> str:
    return words.plain(
        f"{_RING}<header><b>{words.name}</b></header><div class=centre aria-busy=true><div class=ring></div></div>"
    )


def _cards(words: Words) -> str:
    cards = "<div class='skeleton card'></div>" * words.number(8, 12)
    return words.plain(f"{_GREY}{words.header()}<main class=grid>{cards}</main>")


def _lines(words: Words) -> str:
    lines = "".join(
        f"<div class='skeleton line' style='width:{words.number(40, 95)}%'></div>" for _ in range(14)
    )
    return words.plain(f"{_GREY}<main>{lines}</main>")


def _unnamed_boxes(words: Words) -> str:
    row = (
        "<div style='display:flex;gap:16px;margin:16px 0'><div style='width:64px;height:64px;background:#eee'></div>"
        "<div style='flex:1'><div style='height:18px;background:#eee;margin-bottom:12px'></div>"
        "<div style='height:18px;width:60%;background:#eee'></div></div></div>"
    )
    return words.plain(f"{words.header()}<main>{row * words.number(5, 7)}</main>")


def _shimmer_table(words: Words) -> str:
    cell = "<td><span style='display:block;height:20px;width:150px;background:linear-gradient(90deg,#eee,#ddd,#eee)'></span>"
    return words.plain(
        f"{words.header()}<main><table>{('<tr>' + cell * 5) * words.number(9, 12)}</table></main>"
    )


def _dashboard(words: Words) -> str:
    boxes = "<div class='placeholder' style='background:#e9ecef;height:220px'></div>" * 4
    side = "".join(f"<p>{word}</p>" for word in ("Overview", "Orders", "Customers", "Reports", "Settings"))
    return words.plain(
        f"<div style='display:flex'><nav style='width:200px;padding:16px'>{side}</nav>"
        f"<main style='flex:1'><h1>Overview</h1><div style='display:grid;grid-template-columns:1fr 1fr;gap:16px'>"
        f"{boxes}</div></main></div>"
    )


def _profile(words: Words) -> str:
    circle = "<div class=skeleton style='width:120px;height:120px;border-radius:60px'></div>"
    lines = "".join(
        f"<div class='skeleton line' style='width:{words.number(200, 600)}px'></div>" for _ in range(9)
    )
    return words.plain(f"{_GREY}<header>{words.name}</header><main>{circle}{lines}</main>")


BLANK: Final = Kind(
    "blank",
    frozenset({"blank"}),
    {
        "empty": _empty,
        "unstarted-app": _unstarted_app,
        "hidden": _hidden,
        "invisible-text": _invisible_text,
        "coloured": _coloured,
        "thrown": _thrown,
    },
)
SPINNER: Final = Kind(
    "spinner",
    frozenset({"loading", "blank"}),
    {
        "ring": _ring,
        "named-ring": _named_ring,
        "word": _word,
        "dots": _dots,
        "bar": _bar,
        "shell": _app_shell,
    },
)
SKELETON: Final = Kind(
    "skeleton",
    frozenset({"loading"}),
    {
        "cards": _cards,
        "lines": _lines,
        "unnamed-boxes": _unnamed_boxes,
        "shimmer-table": _shimmer_table,
        "dashboard": _dashboard,
        "profile": _profile,
    },
)
