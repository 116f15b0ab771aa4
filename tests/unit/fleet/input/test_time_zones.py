"""The names of time zones: which there are, and which is meant."""

import pytest

from fleet.input.time_zones import UnknownZoneError, zone_named


@pytest.mark.parametrize(
    "name", ["europe/berlin", "CEST", "localtime", "../../etc/passwd", "/etc/passwd", ""]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZoneError):
        zone_named(name)


def test_a_misspelt_zone_is_guessed() -> None:
    with pytest.raises(UnknownZoneError, match="did you mean `Europe/Berlin`"):
        zone_named("Europe/Berln")
