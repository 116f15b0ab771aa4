"""The pages: an article, with one of the banners, popups or dialogs over it."""

from typing import TYPE_CHECKING, Final

from tests.site.overlays import dialogs, platforms

if TYPE_CHECKING:
    from collections.abc import Callable
from typing import Any

Query = dict[str, str]

# What every page shows, whatever lies over it.
ARTICLE: Final = "The lighthouse has been lit since 1871."
_SCRIPT: Final = """
const answer = (word, banner) => {
  document.title = word
  document.querySelector(banner).remove()
}
"""
_LOCKED: Final = "<style>html, body { overflow: hidden; height: 100% }</style>"


def page(over: str, *, is_locked: bool = False) -> str:
    """An article with something over it."""
    return (
        f"<!doctype html><html lang=en><title>untouched</title><script>{_SCRIPT}</script>"
        f"{_LOCKED if is_locked else ''}<body><div id=article><h1>Lights</h1><p>{ARTICLE}</p>"
        f"<div style='height:1500px;background:linear-gradient(#9cf,#fff)'></div></div>{over}"
    )


def banner(handler: Any, query: Query) -> None:
    """The banner of `name`; with `locked`, the page cannot be scrolled behind it."""
    over = (platforms.REFUSED | platforms.HIDDEN)[query["name"]]
    over = over.replace("{port}", str(handler.site.port))
    handler.send(200, page(over, is_locked="locked" in query).encode())


def dialog(handler: Any, query: Query) -> None:
    """The dialogs and popups of `names`, side by side."""
    over = dialogs.side_by_side(query["names"].split(","))
    handler.send(200, page(over).encode())


def late_popup(_: Query) -> str:
    """A page whose newsletter overlay comes when it is scrolled, and locks it."""
    show = """
onscroll = () => {
  onscroll = null
  document.body.insertAdjacentHTML('beforeend', letter.innerHTML)
  document.documentElement.style.overflow = 'hidden'
}
"""
    letter = dialogs.side_by_side(["newsletter"]).replace("width:16%", "inset:0")
    letter = letter.replace("background:#dff", "background:#f00")
    return page(f"<template id=letter>{letter}</template><img loading=lazy src=x><script>{show}</script>")


def frame(handler: Any, query: Query) -> None:
    """The document of a banner that is a frame."""
    can_refuse = "refuse" in query or "message_id" in query
    handler.send(200, platforms.frame(can_refuse=can_refuse).encode())


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {
    "/banner": banner,
    "/dialog": dialog,
    # The path by which a Sourcepoint message is known.
    "/index.html": frame,
    "/late-popup": lambda handler, query: handler.send(200, late_popup(query).encode()),
    "/consent-frame": frame,
}
