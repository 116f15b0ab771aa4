"""Filters as somebody types them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from api.routes.jobs.reading.filters import JobListParameters
from api.routes.paging import PageParameters
from api.ui.pages.jobs.asked_filters import NAMES, AskedFilters
from fleet.errors import ErrorType
from fleet.jobs.job import State
from fleet.jobs.listing import JobFilters

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def read(**sent: str) -> AskedFilters:
    return AskedFilters.read(sent, now=NOW)


def test_every_filter_of_the_api_is_one_of_the_page() -> None:
    assert set(NAMES) == set(JobListParameters.model_fields) - set(PageParameters.model_fields)


def test_empty_fields_of_a_form_are_no_filters() -> None:
    asked = AskedFilters.read({**dict.fromkeys(NAMES, " "), "view": "gallery"}, now=NOW)
    assert (asked.filters, asked.errors, bool(asked)) == (JobFilters(), {}, False)


def test_filters_mean_what_they_mean_in_the_api() -> None:
    asked = read(status="failed", error_type="tls_error", format="pdf", quarantined="true", external_id="a b")
    assert asked.filters == JobFilters(
        state=State.FAILED,
        error_type=ErrorType.TLS_ERROR,
        format="pdf",
        is_quarantined=True,
        external_id="a b",
    )


@pytest.mark.parametrize(
    "typed",
    [
        "example.com",
        "EXAMPLE.com",
        "https://example.com/a?b=c",
        "http://user@example.com:81/",
        "example.com:81",
    ],
)
def test_an_address_stands_for_its_host(typed: str) -> None:
    assert read(host=typed).filters.host == "example.com"


def test_the_host_of_an_address_of_six_is_kept_whole() -> None:
    assert read(host="http://[2001:db8::1]:8080/").filters.host == "[2001:db8::1]"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("24h", NOW - timedelta(days=1)),
        ("30 min", NOW - timedelta(minutes=30)),
        ("90m ago", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
        ("2026-01-30 18:30", datetime(2026, 1, 30, 18, 30, tzinfo=UTC)),
        ("2026-01-30T18:30:00+01:00", datetime(2026, 1, 30, 17, 30, tzinfo=UTC)),
    ],
)
def test_times_may_be_ages(typed: str, meant: datetime) -> None:
    assert read(since=typed).filters.since == meant
    assert read(until=typed).filters.until == meant


def test_an_age_of_ages_is_no_error() -> None:
    since = read(since="999999w").filters.since
    assert since is not None
    assert since < NOW - timedelta(days=36_000)


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("since", "yesterday-ish", "24h"),
        ("status", "done", "succeeded"),
        ("host", "not a host", "is not a host name"),
        ("schedule_id", "7", "UUID"),
        ("quarantined", "maybe", "true or false"),
        ("external_id", "x" * 400, "200 characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(name: str, typed: str, said: str) -> None:
    asked = read(**{name: typed, "format": "png"})
    assert list(asked.errors) == [name]
    assert said in asked.errors[name]
    assert asked.given[name] == typed


def test_a_link_leads_to_the_same_view_and_keeps_what_was_typed() -> None:
    asked = read(host="example.com", since="24h", status='"><script>&x=1')
    assert parse_qs(asked.query(view="gallery", status=None)) == {
        "host": ["example.com"],
        "since": ["24h"],
        "view": ["gallery"],
    }
    assert parse_qs(asked.query())["status"] == ['"><script>&x=1']
