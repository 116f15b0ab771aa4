"""Pages of which nobody would complain, of many looks."""

from typing import Final

from tests.verdicts.page import Kind, Words


def _article(words: Words) -> str:
    return words.site(
        f"<h1>{words.text(1)}</h1><img src='{words.image()}' width=800 height=300>{words.paragraphs(6)}"
    )


def _shop(words: Words) -> str:
    items = "".join(f"<div><img src='/img/{n}.jpg'><p>{words.name} {n}</div>" for n in range(1, 9))
    return words.site(f"<h1>{words.name}</h1><div class=grid>{items}</div>")


def _documentation(words: Words) -> str:
    code = "<pre style='background:#f4f4f5;padding:12px'>install --all\nrun --fast</pre>"
    return words.site(f"<h1>Guide</h1>{words.paragraphs(1)}{code}<h2>Options</h2>{words.paragraphs(2)}{code}")


def _table(words: Words) -> str:
    rows = "".join(
        f"<tr><td>{words.name} {n}<td>{words.number(10, 99)}<td>{words.number(100, 999)}" for n in range(20)
    )
    return words.site(f"<h1>Report</h1><table border=1 cellpadding=8>{rows}</table>")


def _dashboard(words: Words) -> str:
    bars = "".join(
        f"<rect x={n * 40} y={200 - words.number(20, 190)} width=30 height=200 fill='{words.colour}'/>"
        for n in range(12)
    )
    tiles = "".join(
        f"<div style='padding:16px;background:#f4f4f5'><b>{words.number(10, 999)}</b><p>Orders</div>"
        for _ in range(4)
    )
    return words.site(f"<div class=grid>{tiles}</div><svg width=500 height=200>{bars}</svg>")


def _form(words: Words) -> str:
    fields = "".join(
        f"<p><label>{name}<br><input></label>" for name in ("Name", "Street", "Town", "Telephone")
    )
    return words.site(
        f"<h1>Your address</h1><form>{fields}<p><button>Save</button></form>{words.paragraphs(1)}"
    )


def _pricing(words: Words) -> str:
    plan = "<div style='border:1px solid #ccc;padding:24px'><h2>{}</h2><p>{} a month<ul><li>Ten users<li>Support</ul><button>Buy</button></div>"
    plans = "".join(plan.format(name, words.number(5, 99)) for name in ("Small", "Medium", "Large"))
    return words.site(f"<h1>Prices</h1><div class=grid>{plans}</div>")


def _landing(words: Words) -> str:
    hero = f"<div style='background:url({words.image()}) center/cover;height:420px;color:#fff;padding:80px'>"
    return words.plain(
        f"{words.header()}{hero}<h1>{words.name}</h1><p>{words.text(1)}</div><main>{words.paragraphs(2)}</main>"
    )


def _gallery(words: Words) -> str:
    return words.plain(
        "<div class=grid>" + "".join(f"<img src='/img/{n % 9 + 1}.jpg'>" for n in range(16)) + "</div>"
    )


def _forum(words: Words) -> str:
    posts = "".join(
        f"<div style='border-bottom:1px solid #ddd'><b>{words.one(('ada', 'ben', 'cleo'))}</b>{words.paragraphs(1)}</div>"
        for _ in range(6)
    )
    return words.site(f"<h1>{words.text(1)}</h1>{posts}")


def _recipe(words: Words) -> str:
    items = "".join(f"<li>{words.number(1, 500)} g" for _ in range(8))
    return words.site(
        f"<h1>Bread</h1><img src='{words.image()}' width=400 height=260><ul>{items}</ul>{words.paragraphs(2)}"
    )


def _plain_document(words: Words) -> str:
    return (
        f"<!doctype html><html lang=en><title>{words.name}</title><h1>{words.name}</h1>{words.paragraphs(5)}"
    )


def _styled_by_file(words: Words) -> str:
    rules = (
        "<link rel=stylesheet href='/css/base.css'><link rel=stylesheet media=print href='/none/print.css'>"
    )
    return (
        f"<!doctype html><title>{words.name}</title>{rules}{words.header()}<main>{words.paragraphs(4)}</main>"
    )


def _invoice(words: Words) -> str:
    rows = "".join(f"<tr><td>Work, day {n}<td>{words.number(100, 900)}.00" for n in range(6))
    return words.plain(
        f"<main><h1>Invoice {words.number(100, 999)}</h1><p>{words.name} Ltd<table>{rows}</table><p>Total {words.number(1000, 9999)}.00</main>"
    )


# Those that look as if something were wrong with them.
def _minimal(words: Words) -> str:
    return words.plain(
        f"<div class=centre><h1 style='font-weight:300'>{words.name}</h1><p>{words.nth('Less.', 'Soon.', 'Tools for paper.')}</p></div>"
    )


def _dark(words: Words) -> str:
    return words.plain(
        f"<div class=centre style='background:#0a0a0a;color:#eee'><h1>{words.name}</h1><p>{words.text(1)}</p></div>"
    )


def _one_word(words: Words) -> str:
    return words.plain(f"<p>{words.nth('ok', 'Hello', '42')}")


def _about_captchas(words: Words) -> str:
    text = (
        "A captcha asks its visitor to prove that they are human and not a robot. Sites show it after unusual traffic. "
        * 6
    )
    return words.site(
        f"<h1>How captchas work</h1><p>{text}</p><h2>I'm not a robot: the checkbox</h2>{words.paragraphs(4)}<p>{text}</p>"
    )


def _login_beside(words: Words) -> str:
    form = "<form style='float:right'><input placeholder=Name size=8><input type=password size=8><button>Log in</button></form>"
    return words.site(f"{form}<h1>{words.text(1)}</h1>{words.paragraphs(5)}")


def _login_asked(words: Words) -> str:
    form = "<form><p><input placeholder=E-mail><p><input type=password><p><button>Sign in</button></form>"
    return words.plain(
        f"<div class=centre><h1>Sign in to {words.name}</h1>{form}<a href=#>Forgot your password?</a></div>",
        title="Sign in",
    )


def _about_errors(words: Words) -> str:
    text = "The status 404 says that a page was not found, 500 that something went wrong in the server. " * 6
    return words.site(
        f"<h1>What 404 Not Found means</h1><p>{text}</p><h2>Internal server error</h2>{words.paragraphs(4)}<p>{text}"
    )


def _contact_with_captcha(words: Words) -> str:
    fields = "".join(f"<p><label>{name}<br><input></label>" for name in ("Name", "E-mail", "Subject"))
    widget = "<div class=g-recaptcha style='width:304px;height:78px;border:1px solid #ccc'></div>"
    return words.site(
        f"<h1>Contact</h1><form>{fields}<p><textarea></textarea>{widget}<button>Send</button></form>"
    )


def _swatches(words: Words) -> str:
    chips = "".join(
        f"<div style='width:120px;height:80px;background:hsl({n * 24} 70% 60%)'></div>" for n in range(15)
    )
    return words.plain(
        f"<main><h1>Palette</h1><div style='display:flex;flex-wrap:wrap;gap:8px'>{chips}</div></main>"
    )


def _pulsing(words: Words) -> str:
    pulse = "<style>@keyframes pulse{50%{opacity:.3}}.live{display:inline-block;width:12px;height:12px;border-radius:6px;background:#c00;animation:pulse 1s infinite}</style>"
    return words.plain(
        f"{pulse}<div class=centre><h1>{words.name}</h1><p><i class=live></i> {words.text(1)}</p></div>"
    )


def _breathing(words: Words) -> str:
    grow = "<style>@keyframes grow{50%{transform:scale(1.1)}}.logo{animation:grow 3s infinite}</style>"
    text = words.nth("Made of paper", "The slow newspaper for busy people", "Tea")
    return words.plain(f"{grow}<div class=centre><h1 class=logo>{words.name}</h1><p>{text}</p></div>")


def _tracker_lost(words: Words) -> str:
    lost = "<img width=1 height=1 src='http://stats.invalid/p.gif'><script src='http://stats.invalid/a.js'></script>"
    return words.site(f"<h1>{words.text(1)}</h1>{words.paragraphs(4)}{lost}")


def _one_of_many_lost(words: Words) -> str:
    images = "".join(f"<img src='/img/{n}.jpg'>" for n in range(1, 8))
    return words.site(
        f"<h1>{words.name}</h1><div class=grid>{images}<img src='/none/8.jpg'></div>{words.paragraphs(1)}"
    )


def _news_of_denial(words: Words) -> str:
    return words.site(
        f"<h1>Access denied: why {words.name} lost its keys</h1>{words.paragraphs(6)}{words.paragraphs(5)}"
    )


def _one_picture(words: Words) -> str:
    return words.plain(f"<img src='{words.image()}' style='display:block;margin:40px auto;width:800px'>")


def _drawing(words: Words) -> str:
    body = (
        "<canvas width=900 height=500></canvas><script>const c=document.querySelector('canvas').getContext('2d');"
        f"c.fillStyle='{words.colour}';for(let i=0;i<40;i++)c.fillRect(i*22,500-(i*37%400),16,500)</script>"
    )
    return words.plain(body)


def _logo(words: Words) -> str:
    return words.plain(
        f"<div class=centre><svg width=240 height=240><circle cx=120 cy=120 r=100 fill='{words.colour}'/></svg></div>"
    )


def _countdown(words: Words) -> str:
    return words.plain(
        f"<div class=centre style='background:{words.colour};color:#fff'><h1>{words.number(10, 99)} : {words.number(10, 59)}</h1><p>{words.name}</p></div>"
    )


def _quotation(words: Words) -> str:
    return words.plain(
        f"<div class=centre><blockquote style='font-size:28px;max-width:600px'>“{words.text(1)}”</blockquote><p>{words.name}</p></div>"
    )


def _search(words: Words) -> str:
    return words.plain(
        f"<div class=centre><h1>{words.name}</h1><form><input size=50><button>Search</button></form></div>"
    )


def _search_without_result(words: Words) -> str:
    items = "".join(f"<li><a href=#>{words.text(1)}</a>" for _ in range(6))
    return words.site(
        f"<form><input value=bridge><button>Search</button></form><p>No exact matches. Similar results:<ul>{items}</ul>"
    )


def _loading_guide(words: Words) -> str:
    return words.site(
        f"<h1>Loading a lorry</h1><p>Loading takes an hour. Please wait for the signal.</p>{words.paragraphs(4)}"
    )


def _grey_boxes(words: Words) -> str:
    boxes = "".join(
        f"<div style='background:#eee;padding:24px'><h3>{words.name} {n}</h3><p>{words.text(1)}</div>"
        for n in range(6)
    )
    return words.site(f"<div class=grid>{boxes}</div>")


def _members_page(words: Words) -> str:
    return words.site(
        f"<h1>Members</h1><p>Log in to vote. Everybody can read.</p>{words.paragraphs(7)}{words.paragraphs(4)}"
    )


def _font_lost(words: Words) -> str:
    face = "<style>@font-face{font-family:Own;src:url(/none/own.woff2)}h1{font-family:Own,Arial}</style>"
    return words.plain(f"{face}{words.header()}<main><h1>{words.text(1)}</h1>{words.paragraphs(4)}</main>")


def _script_error(words: Words) -> str:
    return words.site(f"<h1>{words.text(1)}</h1>{words.paragraphs(4)}<script>nothing.here()</script>")


FINE: Final = Kind(
    "fine",
    frozenset(),
    {
        "article": _article,
        "shop": _shop,
        "documentation": _documentation,
        "table": _table,
        "dashboard": _dashboard,
        "form": _form,
        "pricing": _pricing,
        "landing": _landing,
        "gallery": _gallery,
        "forum": _forum,
        "recipe": _recipe,
        "plain-document": _plain_document,
        "styled-by-file": _styled_by_file,
        "invoice": _invoice,
    },
)
RISKY: Final = Kind(
    "fine, but looks risky",
    frozenset(),
    {
        "minimal": _minimal,
        "dark": _dark,
        "one-word": _one_word,
        "about-captchas": _about_captchas,
        "login-beside": _login_beside,
        "login-asked": _login_asked,
        "about-errors": _about_errors,
        "contact-with-captcha": _contact_with_captcha,
        "swatches": _swatches,
        "pulsing": _pulsing,
        "breathing": _breathing,
        "tracker-lost": _tracker_lost,
        "one-of-many-lost": _one_of_many_lost,
        "news-of-denial": _news_of_denial,
        "one-picture": _one_picture,
        "drawing": _drawing,
        "logo": _logo,
        "countdown": _countdown,
        "quotation": _quotation,
        "search": _search,
        "search-without-result": _search_without_result,
        "loading-guide": _loading_guide,
        "grey-boxes": _grey_boxes,
        "members-page": _members_page,
        "font-lost": _font_lost,
        "script-error": _script_error,
    },
    paths={"login-asked": "login"},
)
