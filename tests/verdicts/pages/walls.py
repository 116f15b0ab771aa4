"""Pages that are not what was asked for: walls against programs and visitors, and errors."""

from typing import Final

from tests.verdicts.page import Kind, Words

_WIDGET: Final = (
    "<div class='{}' style='width:304px;height:78px;border:1px solid #ccc;background:#f9f9f9'></div>"
)


def _centre(words: Words, heading: str, text: str, more: str = "") -> str:
    return words.plain(f"<div class=centre><h1>{heading}</h1><p>{text}</p>{more}</div>", title=heading)


def _interstitial(words: Words) -> str:
    text = f"{words.name}.example needs to review the security of your connection before proceeding."
    body = (
        f"<h1>{words.name}.example</h1><h2>Verify you are human by completing the action below.</h2><p>{text}"
    )
    return words.plain(f"<main>{body}{_WIDGET.format('cf-turnstile')}</main>", title="Just a moment...")


def _checkbox(words: Words) -> str:
    return _centre(
        words, "One more step", "Please complete the security check.", _WIDGET.format("g-recaptcha")
    )


def _traffic(words: Words) -> str:
    text = (
        "Our systems have detected unusual traffic from your computer network. This page checks to see if it is "
        "really you sending the requests, and not a robot."
    )
    return words.plain(
        f"<main><hr>{_WIDGET.format('h-captcha')}<hr><b>About this page</b><p>{text}</main>", title=words.name
    )


def _hold(words: Words) -> str:
    return _centre(
        words,
        "Before we continue...",
        "Press &amp; Hold to confirm you are a human (and not a bot).",
        "<div id=px-captcha style='width:300px;height:60px;background:#eee'></div>",
    )


def _denied(words: Words) -> str:
    text = "Pardon Our Interruption. As you were browsing something about your browser made us think you were a bot."
    return words.plain(f"<main><h1>{words.name}</h1><p>{text}</main>")


def _abroad(words: Words) -> str:
    heading = words.nth("Sind Sie ein Mensch?", "Vérifiez que vous êtes humain", "Verifique que es humano")
    text = words.nth("Ich bin kein Roboter", "Je ne suis pas un robot", "No soy un robot")
    return _centre(words, heading, text)


def _scripts_wanted(words: Words) -> str:
    return _centre(
        words,
        words.name,
        "Please enable JS and disable any ad blocker",
        "<iframe src='/captcha-delivery.com' width=400 height=200></iframe>",
    )


def _incident(words: Words) -> str:
    return words.plain(
        f"<p>Request unsuccessful. Incapsula incident ID: {words.number(10**6, 10**7)}</p>", title=" "
    )


_PASSWORD: Final = (
    "<form><p><input name=user placeholder=E-mail><p><input type=password><p><button>{}</button></form>"
)


def _authwall(words: Words) -> str:
    return _centre(
        words,
        f"Join {words.name} to see more",
        "Sign in to view the full profile.",
        _PASSWORD.format("Sign in"),
    )


def _moved_to_login(words: Words) -> str:
    return _centre(words, words.name, "Welcome back", _PASSWORD.format("Continue"))


def _private(words: Words) -> str:
    return _centre(
        words,
        "This page is private",
        "You need to log in or request access from its owner.",
        "<button>Log in</button>",
    )


def _expired(words: Words) -> str:
    return words.site(
        f"<h1>Your session has expired</h1><p>Please log in again.</p>{_PASSWORD.format('Log in')}"
    )


def _members(words: Words) -> str:
    return words.site(
        f"<h1>{words.text(1)}</h1><p>Members only. Log in to read this article, or create an account to go on.</p><a href=#>Log in</a>"
    )


def _abroad_login(words: Words) -> str:
    text = words.nth(
        "Bitte melden Sie sich an, um fortzufahren.", "Veuillez vous connecter.", "Debes iniciar sesión."
    )
    return _centre(words, words.name, text, _PASSWORD.format("OK"))


def _not_found(words: Words) -> str:
    return words.plain(
        "<h1>Not Found</h1><p>The requested URL was not found on this server.", title="404 Not Found"
    )


def _soft(words: Words) -> str:
    heading = words.nth("Page not found", "404", "Oops! We can't find that page")
    return _centre(words, heading, "Check the address, or go back to the start.", "<a href=#>Home</a>")


def _soft_in_site(words: Words) -> str:
    heading = words.nth("Sorry, this page does not exist", "Seite nicht gefunden", "Page introuvable")
    return words.site(f"<h1>{heading}</h1><p>{words.text(2)}</p><form><input><button>Search</button></form>")


def _gateway(words: Words) -> str:
    heading = words.nth("502 Bad Gateway", "503 Service Temporarily Unavailable", "504 Gateway Time-out")
    return f"<html><head><title>{heading}</title></head><body><center><h1>{heading}</h1></center><hr><center>nginx</center>"


def _application(words: Words) -> str:
    heading = words.nth("Something went wrong", "Application error", "An unexpected error has occurred")
    return _centre(words, heading, "Our team has been told. Please try again later.")


def _maintenance(words: Words) -> str:
    text = words.nth("We are down for maintenance", "The site is undergoing maintenance", "Wartungsarbeiten")
    return _centre(words, text, f"{words.name} comes back at noon.")


def _gone(words: Words) -> str:
    text = words.nth(
        "This product is no longer available",
        "The page you requested was not found",
        "This listing is no longer available",
    )
    return words.site(f"<h2>{text}</h2><a href=#>See all products</a>")


def _database(words: Words) -> str:
    return words.plain("<h1>Error establishing a database connection</h1>", title="Database Error")


BOT_WALL: Final = Kind(
    "captcha wall",
    frozenset({"bot_wall"}),
    {
        "interstitial": _interstitial,
        "checkbox": _checkbox,
        "traffic": _traffic,
        "hold": _hold,
        "denied": _denied,
        "abroad": _abroad,
        "scripts-wanted": _scripts_wanted,
        "incident": _incident,
    },
    statuses={"denied": 403, "interstitial": 403, "traffic": 429},
)
LOGIN_WALL: Final = Kind(
    "login wall",
    frozenset({"login_wall"}),
    {
        "authwall": _authwall,
        "moved": _moved_to_login,
        "private": _private,
        "expired": _expired,
        "members": _members,
        "abroad": _abroad_login,
    },
    paths={"moved": "account/login", "abroad": "sso"},
    asked={"moved": "orders", "abroad": "board"},
)
ERROR_PAGE: Final = Kind(
    "error page",
    frozenset({"error_page"}),
    {
        "not-found": _not_found,
        "soft": _soft,
        "soft-in-site": _soft_in_site,
        "gateway": _gateway,
        "application": _application,
        "maintenance": _maintenance,
        "gone": _gone,
        "database": _database,
    },
    statuses={"not-found": 404, "gateway": 502},
)
