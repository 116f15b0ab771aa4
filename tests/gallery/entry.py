"""One option in the gallery: what is asked for without it and with it, and on which page."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

from tests.site import gallery

Options = dict[str, Any]

SIDES: Final = ("off", "on")


@dataclass(frozen=True, slots=True)
class Entry:
    """One option.

    Attributes:
        option: its name in a request.
        page: the page on which it is shown, a file in `tests/site/gallery`; with a query if it takes one.
        on: the request with the option.
        off: the request without it; empty if that is what nobody has to ask for.
        common: what both ask for besides. A `viewport` of None is the default one.
        says: one sentence: what to look at.
        is_kept: whether the files are shown as they were delivered: they are what the option is about.
        is_secure: whether the page is loaded by https, with a certificate that nobody knows.
    """

    option: str
    page: str
    on: Options
    says: str
    off: Options = field(default_factory=dict)
    common: Options = field(default_factory=dict)
    is_kept: bool = False
    is_secure: bool = False

    def request(self, side: str) -> Options:
        """What is asked for, without the address: the site has another port each time."""
        options = {"viewport": gallery.WINDOW, **self.common, **(self.on if side == "on" else self.off)}
        return {name: value for name, value in options.items() if value is not None}

    def source(self, side: str) -> str:
        """The same text as long as request and page are the same; a picture made from others is stale."""
        name = self.page.partition("?")[0]
        files = (gallery.FOLDER / f"{name}.html", gallery.STYLE)
        digest = hashlib.sha256(json.dumps([self.page, self.request(side)], sort_keys=True).encode())
        for file in files:
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]
