"""How a schedule compares survives that two releases write it."""

from fleet.schedules.compare_column import CompareColumns
from fleet.schedules.request import CompareOptions


def test_what_is_written_is_read() -> None:
    options = CompareOptions.model_validate({"threshold": 0.1, "ignore_selectors": ["#now"]})
    columns = CompareColumns.of(options)
    assert columns.options() == options
    assert (columns.method, columns.threshold) == ("pixels", 0.1), (
        "the previous release does not know `visible`"
    )


def test_what_the_previous_release_has_written_last_counts() -> None:
    whole = CompareColumns.of(CompareOptions.model_validate({"ignore_selectors": ["#now"]})).whole
    for method, threshold in (("perceptual", 5.0), ("pixels", 0.2)):
        found = CompareColumns(method, threshold, whole).options()
        assert found == CompareOptions.model_validate({"method": method, "threshold": threshold})
    assert CompareColumns(None, None, whole).options() is None
