"""What percentiles of buckets say."""

from fleet.duration_buckets import percentile_ms


def test_a_percentile_is_that_of_the_job_at_its_rank() -> None:
    # Two jobs of about a second (bucket 40 ends at 1,024 ms), and one of about half a minute.
    buckets = {40: 2, 60: 1}
    assert percentile_ms(buckets, 0.5) == 939.0
    assert percentile_ms(buckets, 2 / 3) == 939.0
    assert percentile_ms(buckets, 0.95) == 30_000.0


def test_without_jobs_there_is_no_percentile() -> None:
    assert percentile_ms({}, 0.5) is None


def test_less_than_a_millisecond_is_one() -> None:
    assert percentile_ms({0: 3}, 0.95) == 1.0
