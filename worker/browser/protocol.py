"""Parameters of DevTools commands, as the protocol names them: those that renders give.

Source of names, units and defaults: https://chromedevtools.github.io/devtools-protocol/tot/Page/
"""

from typing import TypedDict


class ScreenshotClip(TypedDict):
    """A part of the page, in CSS pixels from the top left of the document; `scale` enlarges its picture."""

    x: float
    y: float
    width: float
    height: float
    scale: float


class Screenshot(TypedDict, total=False):
    """Of `Page.captureScreenshot`."""

    format: str
    quality: int
    clip: ScreenshotClip
    captureBeyondViewport: bool
    optimizeForSpeed: bool


class Print(TypedDict, total=False):
    """Of `Page.printToPDF`; lengths are inches."""

    printBackground: bool
    paperWidth: float
    paperHeight: float
    marginTop: float
    marginBottom: float
    marginLeft: float
    marginRight: float
