"""All options that one can see in a picture, in the groups of the request."""

from typing import Final

from tests.gallery.entries.browser import IDENTITY, READER, SCREEN
from tests.gallery.entries.changes import ACTIONS, ADDED, FULL_PAGE
from tests.gallery.entries.loading import BLOCKING, FAILING, READINESS
from tests.gallery.entries.picture import OUTPUT, PICTURE

# Options of these groups that change no picture, with the reason.
NOT_SHOWN: Final = {
    "navigation_timeout_ms": "limits how long the page is waited for",
    "timeout_ms": "limits how long one attempt takes",
    "evidence": "says what is kept besides the picture",
    "block_trackers": "keeps out requests of which one sees nothing",
    "block_media": "keeps out video and audio, of which the pages here have none",
    "proxy": "says how the page's requests go out",
    "send_traceparent": "is for the target's traces",
}

GROUPS: Final = {
    "Screens and devices": SCREEN,
    "The page's reader": READER,
    "When the page is ready": READINESS,
    "Styles and scripts": ADDED,
    "Actions": ACTIONS,
    "The whole page": FULL_PAGE,
    "Part and look of the picture": PICTURE,
    "Format and size": OUTPUT,
    "Blocking": BLOCKING,
    "Identity": IDENTITY,
    "Failing on purpose": FAILING,
}
ENTRIES: Final = tuple(entry for group in GROUPS.values() for entry in group)
