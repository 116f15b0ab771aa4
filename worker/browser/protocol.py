"""Parameters of DevTools commands, as the protocol names them: those that renders give.

Source of names, units and defaults: https://chromedevtools.github.io/devtools-protocol/tot/Page/,
https://chromedevtools.github.io/devtools-protocol/tot/Emulation/ and
https://chromedevtools.github.io/devtools-protocol/tot/Network/
"""

from typing import NotRequired, TypedDict


class ScreenOrientation(TypedDict):
    """How a screen is held: such as `portraitPrimary`, and by how many degrees it is turned."""

    type: str
    angle: int


class Metrics(TypedDict):
    """Of `Emulation.setDeviceMetricsOverride`, in CSS pixels. `scale` changes what is drawn, not the page."""

    width: int
    height: int
    deviceScaleFactor: float
    mobile: bool
    screenWidth: NotRequired[int]
    screenHeight: NotRequired[int]
    screenOrientation: NotRequired[ScreenOrientation]
    scale: NotRequired[float]


class CookieParam(TypedDict):
    """Of `Storage.setCookies`; with `url` for its host alone, with `domain` for the hosts below it too."""

    name: str
    value: str
    url: NotRequired[str]
    domain: NotRequired[str]
    path: str
    secure: bool
    httpOnly: bool
    sameSite: NotRequired[str]
    expires: NotRequired[float]


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
    scale: float
    pageRanges: str
    preferCSSPageSize: bool
    displayHeaderFooter: bool
    headerTemplate: str
    footerTemplate: str
    generateTaggedPDF: bool
    generateDocumentOutline: bool
