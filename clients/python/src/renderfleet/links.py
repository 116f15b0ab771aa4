"""Signed links of a client's own server and key. They are made here, without a call."""

from datetime import datetime, timedelta
from typing import Final, Unpack

from renderfleet.options import RenderOptions
from renderfleet.signed_links import PDF, SCREENSHOT, signed_link
from renderfleet.target import Target

DEFAULT_LIFETIME: Final = timedelta(days=30)


class Links:
    """`client.links`: addresses that show a picture or PDF to people without an API key."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def screenshot(
        self,
        url: str,
        /,
        *,
        expires: datetime | timedelta = DEFAULT_LIFETIME,
        placeholder: str | None = None,
        **options: Unpack[RenderOptions],
    ) -> str:
        """The link of a picture.

        Args:
            url: the page.
            expires: when, or in how much time, the link stops working.
            placeholder: `transparent` or `error`: the picture to show if a load fails.
            **options: those about the page and the picture.
        """
        parameters = {"url": url, "placeholder": placeholder, **options}
        return signed_link(self._target.url, SCREENSHOT, self._target.api_key, expires, parameters)

    def pdf(
        self,
        url: str,
        /,
        *,
        expires: datetime | timedelta = DEFAULT_LIFETIME,
        **options: Unpack[RenderOptions],
    ) -> str:
        """The link of a PDF; arguments as of `screenshot`."""
        return signed_link(self._target.url, PDF, self._target.api_key, expires, {"url": url, **options})
