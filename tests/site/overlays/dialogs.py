"""Dialogs that must stay, and be left alone: no option may click or hide one of them.

Each is a text and the words of its buttons, or fields. A click on anything in one is in the page's title.
"""

from collections.abc import Iterable
from typing import Final

# Where each of them has its number, which says nothing of what it is about.
MARK: Final = "{mark}"
# As many as have a place of their own side by side.
TOGETHER: Final = 10
_EMAIL: Final = "<input type=email placeholder='Email'>"
_PASSWORD: Final = "<input type=password placeholder='Password'>"


def _dialog(text: str, *buttons: str, fields: str = "", style: str = "{place}") -> str:
    words = "".join(f"<button>{button}</button> " for button in buttons)
    return (
        f"<div role=dialog aria-modal=true style='position:fixed;{style};padding:9px;background:#dff'"
        f" onclick=\"document.title = 'clicked {MARK}'\"><p>{text} {MARK}</p>{fields}{words}</div>"
    )


_CORNER: Final = "right:16px;bottom:16px;width:120px"

DIALOGS: Final[dict[str, str]] = {
    "age gate": _dialog("You must be 18 years or older to enter.", "I am over 18", "Leave", "Decline"),
    "age gate with cookies": _dialog(
        "Are you at least 21? This site uses cookies to remember your age.", "Yes", "No", "Reject all"
    ),
    "age gate in german": _dialog(
        "Bist du mindestens 18 Jahre alt? Diese Seite verwendet Cookies.", "Ja", "Nein, ablehnen"
    ),
    "log in": _dialog("Log in to see your messages.", "Log in", "Not now", fields=_EMAIL + _PASSWORD),
    "log in by mail": _dialog("Log in: we send a link to your inbox.", "Send link", "Close", fields=_EMAIL),
    "log in with accounts": _dialog(
        "By continuing you agree to our terms and our privacy policy, and to our use of cookies.",
        "Continue with Google",
        "Decline",
    ),
    "sign up": _dialog(
        "Create an account. By continuing, you accept our privacy policy.",
        "Sign up",
        "No thanks",
        fields=_PASSWORD,
    ),
    "checkout": _dialog("Checkout as a guest", "Place order", "Close", fields=_EMAIL),
    "checkout with newsletter": _dialog(
        "Place your order. Subscribe to our newsletter, too?", "Place order", "No thanks", fields=_EMAIL
    ),
    "cart": _dialog("Your cart: 3 boxes of cookies", "Checkout", "Close"),
    "buy cookies": _dialog("Our site sells the best cookies. Take a box?", "Buy cookies", "No thanks"),
    "price of cookies": _dialog("Accept all offers: such as cookies for $ 4.99?", "Accept all", "Reject all"),
    "cookie recipe": _dialog(
        "This site has 40 recipes for cookies: with butter, with chocolate.", "Accept", "Reject", "Close"
    ),
    "free cookies": _dialog(
        "We use cookies as a thank-you with each order.", "Accept cookies", "Decline cookies", "Order now"
    ),
    "delete cookies": _dialog("Delete all cookies of this website?", "Delete", "Cancel", "Reject all"),
    "delete project": _dialog("Delete this project for ever?", "Delete", "Cancel"),
    "unsaved changes": _dialog("You have unsaved changes.", "Discard", "Keep"),
    "reject changes": _dialog("14 suggestions in this text", "Accept all", "Reject all"),
    "friend request": _dialog("Ada wants to be your friend.", "Accept", "Decline"),
    "team invitation": _dialog("You are invited to the team Privacy.", "Accept", "Decline"),
    "call": _dialog("Ada calls", "Accept", "Decline"),
    "meeting": _dialog("Meeting about our use of cookies, Monday 10:00", "Accept", "Decline", "Call in"),
    "terms": _dialog("We have changed our terms of use. Please read them.", "I agree", "I disagree"),
    "paywall": _dialog("Subscribe to keep reading: 2.99 € a month, without cookies.", "Subscribe", "Log in"),
    "pay or consent": _dialog(
        "Read on with cookies and advertisements, or without them for 3.99 € a month.",
        "Accept all",
        "Subscribe",
    ),
    "country": _dialog("You seem to be in Germany. Which shop would you like?", "Germany", "Stay"),
    "language": _dialog("Choose your language", "English", "Deutsch", "Close"),
    "contact": _dialog("How can we help?", "Send", "Close", fields="<textarea></textarea>"),
    "booking": _dialog("Book a table. Your booking is confirmed by mail.", "Book", "Close", fields=_EMAIL),
    "picture": _dialog("The harbour at night", "Close", "Next"),
    "video": _dialog("Playing: how a lighthouse works", "Close", style=_CORNER),
    "cart button": _dialog("Cart (3)", "Open", style=_CORNER),
    "back to top": _dialog("Top", "Up", style=_CORNER),
    "share": _dialog("Share this with a friend by WhatsApp or mail", "WhatsApp", "Mail", "Close"),
    "session": _dialog("Your session ends in 60 seconds.", "Stay", "Log out"),
    "captcha": _dialog("Verify that you are no robot.", "I am no robot"),
    "two factors": _dialog(
        "Enter the code of your app", "Confirm", "Later", fields="<input inputmode=numeric>"
    ),
    "cookie settings of an article": (
        "<main><section class=cookie-settings onclick=\"document.title = 'clicked {mark}'\">"
        "<h2>About cookies {mark}</h2><p>We use cookies. You can refuse them here:</p>"
        "<button>Reject all</button><button>Accept all</button></section></main>"
    ),
    "page in a fixed frame": (
        "<div style='position:fixed;inset:0;overflow:auto'><nav>Home</nav>"
        "<main><h2>News {mark}</h2><p>We use cookies. Get our app. Subscribe to our newsletter.</p>"
        "<button>Close</button></main></div>"
    ),
    "app in a fixed frame": (
        "<div style='position:fixed;inset:0;overflow:auto'><main><h2>Letters {mark}</h2>"
        "<p>Read our newsletter here, or get our app.</p><button>Close</button></main></div>"
    ),
    "navigation": (
        "<header style='position:fixed;top:0;left:0;right:0'><nav>Home {mark} "
        "<a href='#n'>Newsletter</a> <a href='#a'>Get our app</a> <a href='#c'>Chat</a></nav></header>"
    ),
    "newsletter in the header": (
        "<div style='position:fixed;top:0;left:0;right:0;height:40px'>The Daily Letter {mark} "
        f"{_EMAIL}<button>Subscribe</button></div>"
    ),
    "newsletter in a column": (
        "<div style='position:fixed;top:0;left:0;bottom:0;width:120px'>"
        f"Our newsletter {{mark}} {_EMAIL}<button>Subscribe</button></div>"
    ),
    "subscription": _dialog("Subscribe to the cloud plan: $ 5 a month", "Subscribe", fields=_EMAIL),
}
# Stay without `block_popups`, and go with it.
POPUPS: Final[dict[str, str]] = {
    "newsletter": _dialog("Subscribe to our newsletter", "Subscribe", "No thanks", fields=_EMAIL),
    "discount": _dialog("Get 10% off your first visit: join our list", "Join", "Not now", fields=_EMAIL),
    "newsletter in german": _dialog(
        "Unseren Newsletter abonnieren", "Abonnieren", "Nein, danke", fields=_EMAIL
    ),
    "newsletter that cannot be closed": (
        "<div style='position:fixed;{place};background:#dff'><p>Join 5,000 readers: our latest stories {mark}"
        f"</p>{_EMAIL}<button>Sign me up</button></div>"
    ),
    "newsletter that slides in": (
        "<div style='position:fixed;left:0;bottom:0;width:200px;background:#dff'>Our newsletter {mark}"
        f"{_EMAIL}<button>Go</button></div>"
    ),
    "newsletter bar": _dialog(
        "Our newsletter, each Friday",
        "Subscribe",
        "Close",
        fields=_EMAIL,
        style="left:0;right:0;bottom:0",
    ),
    "app": _dialog("Get our app: faster, and free.", "Open in the app", "Not now"),
    "app store": _dialog(
        "Everything in your pocket",
        "Close",
        fields="<a href='https://apps.apple.com/app/x'>Download</a>",
        style="left:0;right:0;top:0",
    ),
    "notifications": _dialog("Shall we send you notifications of breaking news?", "Allow", "Later"),
    "chat bubble": (
        "<div class=chat-launcher style='position:fixed;right:16px;bottom:16px;width:60px;"
        "height:60px;background:#06f;z-index:9'><button aria-label='Open chat'>Hello {mark}</button></div>"
    ),
    "intercom": (
        "<div class=intercom-lightweight-app><div style='position:fixed;right:20px;bottom:20px;"
        "width:48px;height:48px;background:#06f'>Hi there {mark}</div></div>"
    ),
    "greeting": (
        "<div style='position:fixed;right:16px;bottom:16px;width:300px;height:140px'>"
        "<p>How can we help? {mark}</p><button aria-label='Start live chat'>Ask</button></div>"
    ),
}


EVERY: Final = DIALOGS | POPUPS
_NUMBERS: Final = {name: f"(n{number})" for number, name in enumerate(EVERY)}


def groups(chosen: Iterable[str]) -> list[list[str]]:
    """Names of those that fit into one page together."""
    names = list(chosen)
    return [names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER)]


def side_by_side(names: Iterable[str]) -> str:
    """Some of them in one page, each in a place of its own."""
    shown = []
    for number, name in enumerate(names):
        row, column = divmod(number, TOGETHER // 2)
        place = f"left:{20 * column}%;top:{45 * row + 8}%;width:16%"
        shown.append(EVERY[name].replace("{place}", place).replace(MARK, _NUMBERS[name]))
    return "".join(shown)


def shown_in(text: str, names: Iterable[str]) -> list[str]:
    """Those that are shown, by the text of the page."""
    return [name for name in names if _NUMBERS[name] in text]
