"""Imitations of consent platforms: the elements and variables that rules for them look for, and no more.

A refusal writes `refused` into the page's title, an acceptance `accepted`; both take the banner away.
"""

from typing import Final

WORDS: Final = "We use cookies and similar technologies to measure how our site is used."

_STYLE: Final = "position:fixed;left:0;right:0;bottom:0;padding:16px;background:#ffd;z-index:9"
_MODAL: Final = "position:fixed;left:25%;top:20%;width:50%;padding:16px;background:#ffd;z-index:9"
_DARK: Final = "<div style='position:fixed;inset:0;background:#0008;z-index:8'></div>"


def _button(attributes: str, text: str, answer: str, banner: str) -> str:
    return f"<button {attributes} onclick=\"answer('{answer}', '{banner}')\">{text}</button>"


def _accept(attributes: str, banner: str) -> str:
    return _button(attributes, "Accept all", "accepted", banner)


def _refuse(attributes: str, banner: str, text: str = "Reject all") -> str:
    return _button(attributes, text, "refused", banner)


def _choose(attributes: str) -> str:
    return f"<button {attributes} onclick=\"document.title = 'chosen'\">Manage preferences</button>"


_ONETRUST: Final = "#onetrust-consent-sdk"
_ONETRUST_CHOICES: Final = f"""
<div id=onetrust-consent-sdk>
  <div id=onetrust-banner-sdk style='{_STYLE}'>{WORDS}
    {_accept("id=onetrust-accept-btn-handler", _ONETRUST)}
    <button id=onetrust-pc-btn-handler onclick="pc.hidden = false">Manage preferences</button>
  </div>
  <div id=pc class=ot-pc hidden style='{_MODAL}'>
    <label><input type=checkbox class=category-switch-handler checked>Advertising</label>
    <button class=save-preference-btn-handler
      onclick="answer(document.querySelector('.category-switch-handler').checked ? 'accepted' : 'refused',
                      '{_ONETRUST}')">Confirm my choices</button>
  </div>
</div>"""
_USERCENTRICS: Final = f"""
<div id=usercentrics-root></div>
<script>
  const root = document.querySelector('#usercentrics-root').attachShadow({{ mode: 'open' }})
  root.innerHTML = `<div data-testid=uc-container style='{_STYLE}'>{WORDS}
    <button data-testid=uc-accept-all-button>Accept All</button>
    <button data-testid=uc-deny-all-button>Deny</button></div>`
  for (const button of root.querySelectorAll('button')) {{
    button.onclick = () => answer(button.dataset.testid.includes('deny') ? 'refused' : 'accepted',
      '#usercentrics-root')
  }}
  globalThis.UC_UI = {{}}
</script>"""
_SHADOW: Final = f"""
<consent-bar></consent-bar>
<script>
  const bar = document.querySelector('consent-bar')
  bar.attachShadow({{ mode: 'open' }}).innerHTML = `<div style='{_STYLE}'>{WORDS}
    <button id=no>Reject all</button><button id=yes>Accept all</button></div>`
  bar.shadowRoot.querySelector('#no').onclick = () => answer('refused', 'consent-bar')
  bar.shadowRoot.querySelector('#yes').onclick = () => answer('accepted', 'consent-bar')
</script>"""
_SOURCEPOINT: Final = "#sp_message_container_1"


def _framed(address: str, style: str = _STYLE) -> str:
    """A banner that is a frame of another host; `{port}` is that of the site."""
    return (
        f"<div id=sp_message_container_1 style='{style};height:160px'>"
        f"<iframe src='http://consent.site.test:{{port}}{address}' width=900 height=150></iframe></div>"
        f"<script>addEventListener('message', event => answer(event.data, '{_SOURCEPOINT}'))</script>"
    )


# By name: a banner that is answered with a refusal.
REFUSED: Final[dict[str, str]] = {
    "onetrust": (
        f"<div id=onetrust-consent-sdk><div id=onetrust-banner-sdk style='{_STYLE}'>{WORDS}"
        f"{_choose('id=onetrust-pc-btn-handler')}{_refuse('id=onetrust-reject-all-handler', _ONETRUST)}"
        f"{_accept('id=onetrust-accept-btn-handler', _ONETRUST)}</div></div>"
    ),
    "onetrust-choices": _ONETRUST_CHOICES,
    "didomi": (
        f"<div id=didomi-host><div id=didomi-notice style='{_STYLE}'>{WORDS}"
        f"{_refuse('id=didomi-notice-disagree-button', '#didomi-host', 'Continue without agreeing')}"
        f"{_accept('id=didomi-notice-agree-button', '#didomi-host')}</div></div>"
    ),
    "didomi-variable": (
        f"<div id=didomi-host><div id=didomi-notice style='{_STYLE}'>{WORDS}"
        f"{_accept('id=didomi-notice-agree-button', '#didomi-host')}</div></div>"
        "<script>globalThis.Didomi = "
        "{ setUserDisagreeToAll() { answer('refused', '#didomi-host') } }</script>"
    ),
    "cookiebot": (
        f"<div id=CybotCookiebotDialog style='{_MODAL}'>{WORDS}"
        f"{_refuse('id=CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll', '#CybotCookiebotDialog')}"
        f"{_accept('id=CybotCookiebotDialogBodyButtonAccept', '#CybotCookiebotDialog')}</div>"
        "<script>globalThis.Cookiebot = { dialog: { visible: true }, "
        "get hasResponse() { return document.title === 'refused' } }</script>"
    ),
    "usercentrics": _USERCENTRICS,
    "quantcast": (
        f"<div id=qc-cmp2-container><div id=qc-cmp2-ui style='{_MODAL}'>{WORDS}"
        f"<div class=qc-cmp2-summary-buttons>{_choose('mode=secondary')}"
        f"{_refuse('mode=secondary', '#qc-cmp2-container', 'DISAGREE')}"
        f"{_accept('mode=primary', '#qc-cmp2-container')}</div></div></div>"
    ),
    "trustarc": (
        f"<div id=truste-consent-track style='{_STYLE}'><div id=truste-consent-content>{WORDS}"
        f"{_choose('id=truste-show-consent')}"
        f"{_refuse('id=truste-consent-required', '#truste-consent-track', 'Required only')}"
        f"{_accept('id=truste-consent-button', '#truste-consent-track')}</div></div>"
    ),
    "sourcepoint": _framed("/index.html?message_id=7"),
    "osano": (
        f"<div class=osano-cm-window><div class=osano-cm-dialog style='{_STYLE}'>{WORDS}"
        f"{_refuse('class=osano-cm-denyAll', '.osano-cm-window')}"
        f"{_accept('class=osano-cm-accept-all', '.osano-cm-window')}</div></div>"
        "<script>globalThis.Osano = { cm: { dialogOpen: true } }</script>"
    ),
    "iubenda": (
        f"<div id=iubenda-cs-banner style='{_STYLE}'>{WORDS}"
        f"{_refuse('class=iubenda-cs-reject-btn', '#iubenda-cs-banner', 'Reject')}"
        f"{_accept('class=iubenda-cs-accept-btn', '#iubenda-cs-banner')}</div>"
    ),
    "complianz": (
        f"<div id=cmplz-cookiebanner-container><div class=cmplz-cookiebanner style='{_STYLE}'>{WORDS}"
        f"{_refuse('class=cmplz-deny', '#cmplz-cookiebanner-container', 'Deny')}"
        f"{_accept('class=cmplz-accept', '#cmplz-cookiebanner-container')}</div></div>"
    ),
    "klaro": (
        f"<div class=klaro><div class=cookie-notice style='{_STYLE}'>{WORDS}"
        f"{_refuse('class=cn-decline', '.klaro', 'I decline')}"
        f"{_accept('class=cm-btn-success', '.klaro')}</div></div>"
    ),
    "borlabs": (
        f"<div id=BorlabsCookieBox><div class=brlbs-cmpnt-dialog style='{_MODAL}'>{WORDS}"
        f"{_refuse('class=brlbs-btn-accept-only-essential', '#BorlabsCookieBox', 'Only essential')}"
        f"{_accept('class=brlbs-btn-accept-all', '#BorlabsCookieBox')}</div></div>"
    ),
    "home-made": (
        f"<div id=bar style='{_STYLE}'><p>{WORDS}</p>{_choose('')}{_refuse('', '#bar', 'No, decline all')}"
        f"{_accept('', '#bar')}</div>"
    ),
    "home-made-german": (
        f"<div id=bar style='{_STYLE}'><p>Wir verwenden Cookies, um unsere Seite zu verbessern.</p>"
        f"{_refuse('', '#bar', 'Alle ablehnen')}{_button('', 'Alle akzeptieren', 'accepted', '#bar')}</div>"
    ),
    "home-made-french": (
        f"<div id=bar style='{_STYLE}'><p>Nous utilisons des cookies pour mesurer l'audience du site.</p>"
        f"{_refuse('', '#bar', 'Tout refuser')}{_button('', 'Tout accepter', 'accepted', '#bar')}</div>"
    ),
    "home-made-in-shadow": _SHADOW,
    "home-made-in-flow": (
        f"<div class=cookie-notice style='padding:16px'>{WORDS}{_refuse('', '.cookie-notice', 'Decline')}"
        f"{_accept('', '.cookie-notice')}</div>"
    ),
    "home-made-in-frame": _framed("/consent-frame?refuse=1"),
    "reloading": (
        f"<div id=bar style='{_STYLE}'><p>{WORDS}</p>{_accept('', '#bar')}"
        "<button onclick=\"document.cookie = 'consent=no'; location.reload()\">Reject all</button></div>"
        "<script>if (document.cookie.includes('consent=no')) answer('refused', '#bar')</script>"
    ),
}
# By name: a banner that offers no refusal, or whose refusal does nothing.
HIDDEN: Final[dict[str, str]] = {
    "settings-only": (
        f"{_DARK}<div id=bar style='{_MODAL}'><p>{WORDS}</p>{_choose('')}{_accept('', '#bar')}</div>"
    ),
    "notice": f"<div id=bar style='{_STYLE}'><p>{WORDS}</p>{_button('', 'Got it', 'accepted', '#bar')}</div>",
    "in-flow-of-marked-page": (
        "<script>document.body.className = 'cookie-notice-shown'</script>"
        f"<div class=cookie-notice style='padding:16px'>{WORDS}{_accept('', '.cookie-notice')}</div>"
    ),
    "refusal-on-another-page": (
        f"<div id=bar style='{_STYLE}'><p>{WORDS}</p><a href='/bands'>Reject all</a>"
        f"{_accept('', '#bar')}</div>"
    ),
    "accept-only": f"<div id=bar style='{_STYLE}'><p>{WORDS}</p>{_accept('', '#bar')}</div>",
    "broken-onetrust": (
        f"<div id=onetrust-consent-sdk><div id=onetrust-banner-sdk style='{_STYLE}'>{WORDS}"
        "<button id=onetrust-reject-all-handler>Reject all</button>"
        f"{_accept('id=onetrust-accept-btn-handler', _ONETRUST)}</div></div>"
    ),
    "frame-without-refusal": _framed("/consent-frame"),
}


def frame(*, can_refuse: bool) -> str:
    """The document of a banner that is a frame, as a Sourcepoint message or as a home-made one."""
    refuse = (
        "<button class='message-button sp_choice_type_13' onclick=\"tell('refused')\">Reject all</button>"
    )
    return (
        "<!doctype html><title>frame</title>"
        "<script>const tell = word => parent.postMessage(word, '*')</script>"
        f"<body><div class=type-modal><p>{WORDS}</p>{refuse if can_refuse else ''}"
        "<button class='message-button sp_choice_type_11' onclick=\"tell('accepted')\">Accept all</button>"
    )
