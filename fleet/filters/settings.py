"""Settings of the lists, for workers and for the command that updates them."""

from pathlib import Path

from pydantic import Field

from fleet.settings import FleetSettings


class FilterSettings(FleetSettings):
    """Where the lists lie, and where newer ones come from."""

    filter_lists_folder: Path | None = Field(
        default=None,
        description="Folder of the lists of advertisements and trackers that `python -m fleet.filters` keeps "
        "up to date. Empty: the lists that renderfleet ships.",
    )
    filter_lists_ads_url: str | None = Field(
        default=None,
        description="Address of a newer list of advertisements in the format of Adblock Plus, such as "
        "EasyList. Empty: it is not updated.",
    )
    filter_lists_trackers_url: str | None = Field(
        default=None,
        description="Address of a newer list of trackers, such as EasyPrivacy. Empty: it is not updated.",
    )
