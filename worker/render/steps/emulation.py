"""Tells the page who its reader is: browser, language, place, taste; and makes the browser lenient."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from fleet.render.options.emulation import EmulationOptions
from fleet.render.request import RenderRequest
from worker.render import client_hints
from worker.render.context import Render

_ASKED: Final = frozenset(EmulationOptions.model_fields)
# The options that answer a media query, each with the name of the query.
_MEDIA_FEATURES: Final = {
    "color_scheme": "prefers-color-scheme",
    "reduced_motion": "prefers-reduced-motion",
    "contrast": "prefers-contrast",
    "forced_colors": "forced-colors",
}


async def run(render: Render) -> None:
    """Emulate what was asked for, all at once; whatever page is loaded next sees it, and so do its frames."""
    if _ASKED.isdisjoint(render.request.model_fields_set):
        return
    await asyncio.gather(*_commands(render))


def _commands(render: Render) -> Iterator[Coroutine[Any, Any, Any]]:
    request, page = render.request, render.page
    if identity := _browser(request):
        yield page.send("Emulation.setUserAgentOverride", **identity)
    if request.locale:
        yield page.send("Emulation.setLocaleOverride", locale=request.locale)
    if request.timezone_id:
        yield page.send("Emulation.setTimezoneOverride", timezoneId=request.timezone_id)
    if place := request.geolocation:
        permission = {"permissions": ["geolocation"], "browserContextId": page.context_id}
        yield page.send("Browser.grantPermissions", **permission)  # nobody is there to be asked
        yield page.send("Emulation.setGeolocationOverride", **place.model_dump())
    if media := _media(request):
        yield page.send("Emulation.setEmulatedMedia", **media)
    if not request.java_script_enabled:
        yield page.disable_scripts()
    if request.bypass_csp:
        yield page.send("Page.setBypassCSP", enabled=True)
    if request.ignore_https_errors:
        yield page.send("Security.setIgnoreCertificateErrors", ignore=True)


def _browser(request: RenderRequest) -> dict[str, Any]:
    """What the browser says of itself and of its user's languages: one command has both."""
    if request.user_agent is None and request.locale is None:
        return {}
    identity: dict[str, Any] = {"userAgent": request.user_agent or ""}  # empty: the browser's own
    if request.user_agent is not None:
        identity |= client_hints.of(request.user_agent)
    if request.locale is not None:
        # Chromium adds the weights to the header; one that is given here would be in navigator.language.
        language = request.locale.partition("-")[0]
        identity["acceptLanguage"] = ",".join(dict.fromkeys((request.locale, language)))
    return identity


def _media(request: RenderRequest) -> dict[str, Any]:
    """Style sheets and answers to media queries. A command replaces those of an earlier one."""
    wanted = {name: getattr(request, name) for name in _MEDIA_FEATURES}
    features = [
        {"name": _MEDIA_FEATURES[name], "value": value.value}
        for name, value in wanted.items()
        if value != EmulationOptions.model_fields[name].default
    ]
    media = {"media": request.media.value} if request.media else {}
    return media | ({"features": features} if features else {})
