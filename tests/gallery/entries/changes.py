"""What is done to the page before its picture is taken."""

from typing import Final

from tests.gallery.entry import Entry

ADDED: Final = (
    Entry(
        "styles",
        "shop",
        {"styles": ["body { background: #fde68a }", "#banner { display: none }"]},
        "Another background, and no banner.",
    ),
    Entry(
        "scripts",
        "shop",
        {"scripts": "document.querySelector('header').firstChild.data = 'Coffee shop '"},
        "A script has changed the name.",
    ),
)
ACTIONS: Final = (
    Entry("click", "shop", {"click": "#banner button"}, "A click has closed the banner."),
    Entry("scroll_into_view", "long", {"scroll_into_view": ".far"}, "July is 3,000 CSS pixels further down."),
    Entry("hover", "shop", {"hover": "nav"}, "The menu opens under the mouse."),
    Entry(
        "actions",
        "form",
        {
            "actions": [
                {"type": {"selector": "#name", "text": "Ada"}},
                {"select": {"selector": "#tea", "value": "Sencha"}},
                {"press": "Enter"},
            ]
        },
        "The form is filled in and sent.",
    ),
)
FULL_PAGE: Final = (
    Entry("full_page", "long", {"full_page": True}, "All that can be scrolled to."),
    Entry(
        "full_page_scroll",
        "long",
        {"full_page_scroll": True},
        "The lower pictures load when one scrolls near them. `true` is the default.",
        off={"full_page_scroll": False},
        common={"full_page": True},
    ),
    Entry(
        "full_page_max_height_px",
        "long",
        {"full_page_max_height_px": 500},
        "The picture ends after 500 CSS pixels.",
        common={"full_page": True},
    ),
)
