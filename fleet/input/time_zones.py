"""The names of time zones, as the package tzdata has them."""

from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

# More of a wrong name is not compared with the right ones.
_MAX_COMPARED: Final = 100


class UnknownZoneError(ValueError):
    """A name that is not a time zone. The message may suggest one."""


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all IANA time zones, from the package tzdata, because systems differ."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


def zone_named(name: str) -> tzinfo:
    """The time zone of this name.

    Raises:
        UnknownZoneError: there is none.
    """
    if name not in zone_names():
        close = get_close_matches(name[:_MAX_COMPARED], zone_names(), n=1)
        raise UnknownZoneError("is no time zone" + (f"; did you mean `{close[0]}`?" if close else ""))
    return UTC if name == "UTC" else ZoneInfo(name)


def _existing(name: str) -> str:
    try:
        zone_named(name)
    except UnknownZoneError as error:
        context = {"reason": str(error), "allowed": "a name such as Europe/Berlin or UTC"}
        raise PydanticCustomError("timezone", "{reason}", context) from None
    return name


# The name of a time zone in a request.
ZoneName = Annotated[str, AfterValidator(_existing)]
