"""What the picture shows, how it looks, and its file."""

from typing import Final

from tests.gallery.entry import Entry

_SMALL: Final = {"width": 240, "height": 150}

PICTURE: Final = (
    Entry("selector", "shop", {"selector": "#tea1"}, "One element."),
    Entry(
        "selector_padding_px",
        "shop",
        {"selector_padding_px": 20},
        "And 20 CSS pixels around it.",
        common={"selector": "#tea1"},
    ),
    Entry(
        "clip", "shop", {"clip": {"x": 150, "y": 45, "width": 180, "height": 130}}, "One part of the page."
    ),
    Entry(
        "omit_background",
        "badge",
        {"omit_background": True},
        "Nothing is behind the badge; the squares stand for what is transparent.",
    ),
    Entry(
        "hide_selectors",
        "shop",
        {"hide_selectors": ["#banner", "button"]},
        "Banner and buttons are not drawn; their places stay empty.",
    ),
    Entry(
        "animations",
        "moving",
        {"animations": "disabled"},
        "The boat, which takes a minute, is at the end of its way.",
    ),
    Entry("caret", "form", {"caret": "initial"}, "The text cursor in the first field."),
)
OUTPUT: Final = (
    Entry(
        "format",
        "photo",
        {"format": "jpeg"},
        "Photographs are smaller as jpeg.",
        off={"format": "png"},
        common={"viewport": _SMALL},
        is_kept=True,
    ),
    Entry(
        "quality",
        "photo",
        {"format": "jpeg", "quality": 10},
        "Fewer bytes, and blocks.",
        off={"format": "jpeg"},
        common={"viewport": _SMALL},
        is_kept=True,
    ),
    Entry("optimize", "shop", {"optimize": "size"}, "The same pixels in fewer bytes.", is_kept=True),
    Entry("width_px", "shop", {"width_px": 240}, "The picture is made smaller, in proportion."),
    Entry(
        "height_px",
        "shop",
        {"height_px": 240},
        "With both, the picture has exactly this size.",
        common={"width_px": 240},
    ),
)
