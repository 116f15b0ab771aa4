"""What lies over a page and is no part of it."""

from pydantic import BaseModel, ConfigDict, Field


class OverlaysOptions(BaseModel):
    """Banners and popups that are taken away before the page is captured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_cookie_banners: bool = Field(
        default=False,
        description=(
            "Refuse what consent banners ask for, where they let one refuse; hide them where they do not. "
            "A page without a banner is not waited for, one with a banner 2 seconds at most."
        ),
    )
    block_popups: bool = Field(
        default=False,
        description=(
            "Hide overlays that ask for a newsletter, an app or notifications, and chat bubbles. Dialogs "
            "that the page itself needs stay."
        ),
    )
