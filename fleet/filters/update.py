"""Fetches newer lists from the addresses that the operator has set."""

import http.client
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from fleet.filters.errors import FilterListError
from fleet.filters.settings import FilterSettings
from fleet.filters.store import MAX_TEXT_BYTES, SHIPPED, ListName, read_manifest, write

_TIMEOUT_S: Final = 60
_SCHEMES: Final = ("https://", "http://", "file://")
_LICENCE: Final = "as its homepage says"


def update(settings: FilterSettings) -> list[str]:
    """Fetch, check and store the lists; those without an address stay as they are.

    Returns:
        A sentence for each list.

    Raises:
        FilterListError: nothing is set, or a list cannot be fetched or used. Nothing has changed then.
        OSError: the folder cannot be written.
    """
    folder = settings.filter_lists_folder
    addresses = {
        ListName.ADS: settings.filter_lists_ads_url,
        ListName.TRACKERS: settings.filter_lists_trackers_url,
    }
    if folder is None or not any(addresses.values()):
        raise FilterListError(
            "set RENDERFLEET_FILTER_LISTS_FOLDER, and RENDERFLEET_FILTER_LISTS_ADS_URL or "
            "RENDERFLEET_FILTER_LISTS_TRACKERS_URL"
        )
    present = _present(folder)
    before = read_manifest(present)
    fetched = {name: _fetch(name, address) for name, address in addresses.items() if address is not None}
    write(
        folder,
        {name: text for name, (text, _) in fetched.items()},
        dates={name: date for name, (_, date) in fetched.items()},
        licences=dict.fromkeys(fetched, _LICENCE),
        previous={name: before[name] for name in fetched},
        others=present,
    )
    after = read_manifest(folder)
    return [f"{one.name}: {one.title} of {one.date}, {one.rules:,} rules" for one in after.values()]


def _present(folder: Path) -> Path:
    try:
        read_manifest(folder)
    except FilterListError:
        return SHIPPED
    return folder


def _why(error: Exception) -> str:
    """An error of the fetch in words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"its address answers with {error.code}"
    # That of a request wraps another error, or a sentence.
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__


def _fetch(name: ListName, address: str) -> tuple[str, str]:
    """The text of a list and its date."""
    if not address.startswith(_SCHEMES):
        raise FilterListError(
            f"the address of the list of {name} must begin with https://, http:// or file://"
        )
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            content = answer.read(MAX_TEXT_BYTES + 1)
            length, modified = answer.headers["Content-Length"], answer.headers["Last-Modified"]
    except (OSError, http.client.HTTPException, urllib.error.URLError) as error:
        raise FilterListError(f"the list of {name} cannot be fetched: {_why(error)}") from error
    if len(content) > MAX_TEXT_BYTES:
        raise FilterListError(f"the list of {name} is refused: it has more than {MAX_TEXT_BYTES:,} bytes")
    if length is not None and int(length) != len(content):
        raise FilterListError(
            f"the list of {name} is refused: it is cut off, {len(content):,} bytes of {int(length):,}"
        )
    day = parsedate_to_datetime(modified) if modified else datetime.now(UTC)
    try:
        return content.decode(), day.date().isoformat()
    except UnicodeDecodeError as error:
        raise FilterListError(f"the list of {name} is refused: it is no text in UTF-8") from error
