import errno
import json
import logging
import sys
import time

import pytest

from fleet.telemetry.logs import LogSettings, bind, configure_logs, get_logger
from fleet.telemetry.redaction import redacted


def test_json_lines_carry_the_ids_of_the_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json"))
    with bind(job_id="j-1", attempt=2):
        get_logger("tests").info("job ended", state="succeeded")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "job ended"
    assert (line["job_id"], line["attempt"], line["state"]) == ("j-1", 2, "succeeded")


def test_ids_do_not_leak_into_the_next_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json"))
    with bind(job_id="j-1"):
        pass
    get_logger("tests").info("idle")
    assert "job_id" not in json.loads(capsys.readouterr().err)


def test_the_standard_librarys_records_are_structured_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json"))
    logging.getLogger("uvicorn.error").warning("from %s", "elsewhere")
    assert json.loads(capsys.readouterr().err)["event"] == "from elsewhere"


def test_uvicorns_line_of_a_call_which_shows_its_query_is_not_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(LogSettings(log_format="json"))
    logging.getLogger("uvicorn.access").info("GET /v1/jobs?signature=secret")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), ValueError("closed file")])
def test_a_line_that_cannot_be_written_stops_no_work(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full:
        def write(self, _: str) -> None:
            raise error

    configure_logs(LogSettings(log_format="json"))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Full())
        get_logger("tests").info("lost")
    get_logger("tests").info("written")
    assert json.loads(capsys.readouterr().err)["event"] == "written"


def test_both_kinds_of_lines_name_their_module(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json"))
    get_logger("tests.ours").info("one")
    logging.getLogger("tests.theirs").warning("other")
    lines = map(json.loads, capsys.readouterr().err.splitlines())
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("tests.ours", "info"),
        ("tests.theirs", "warning"),
    ]


def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json"))
    try:
        raise ValueError("broken")
    except ValueError:
        get_logger("tests").exception("failed")
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "ValueError: broken" in json.loads(lines[0])["exception"]


def test_people_get_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="human"))
    get_logger("tests").info("worker ready", slots=2)
    words = capsys.readouterr().err
    assert "worker ready" in words
    assert not words.startswith("{")


def test_the_level_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(log_format="json", log_level="warning"))
    get_logger("tests").info("not worth a line")
    assert capsys.readouterr().err == ""


LINES = [
    (
        "GET https://user:hunter2@example.com/a?token=hunter2#hunter2 failed",
        "GET https://example.com/a?*** failed",
    ),
    ("postgresql://renderfleet:hunter2@db:5432/renderfleet", "postgresql://db:5432/renderfleet"),
    ("redis://:hunter@2@cache:6379/0", "redis://cache:6379/0"),
    ("/v1/screenshot?url=x&signature=hunter2&expires=1", "/v1/screenshot?url=x&signature=***&expires=1"),
    ("'https://s3/b/k?X-Amz-Signature=hunter2'", "'https://s3/b/k?***'"),
    ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
    ("rf_0123456789ab_" + "h" * 43, "rf_0123456789ab_***"),
    ("secret whsec_aHVudGVyMg==", "secret whsec_***"),
    ("nothing to hide: 3 of 4 at 10:30, a=b", "nothing to hide: 3 of 4 at 10:30, a=b"),
]


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize(("given", "written"), LINES)
def test_a_line_is_written_without_what_may_be_secret_in_it(
    capsys: pytest.CaptureFixture[str], log_format: str, given: str, written: str
) -> None:
    configure_logs(LogSettings(log_format=log_format))
    get_logger("tests").warning("failed", reason=given, tried=[{"address": given}])
    logging.getLogger("library").warning("it said %s", given)
    ours, theirs = capsys.readouterr().err.splitlines()
    assert "hunter" not in ours + theirs
    assert f"it said {written}" in theirs
    if log_format == "json":
        line = json.loads(ours)
        assert (line["reason"], line["tried"]) == (written, [{"address": written}])


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_a_traceback_shows_neither_variables_nor_secrets_of_an_address(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure_logs(LogSettings(log_format=log_format))
    password = "hunter" + str(2)
    try:
        raise ConnectionError(f"cannot reach http://user:{password}@proxy:3128/?{password}")
    except ConnectionError:
        get_logger("tests").exception("failed")
    words = capsys.readouterr().err
    assert "cannot reach http://proxy:3128/?***" in words
    assert password not in words


def test_no_text_of_a_stranger_takes_long_to_redact() -> None:
    # As long as the longest line that a library quotes. Time that grows with the square would be 9 s.
    started = time.process_time()
    assert "secret" not in redacted(f"{'x-amz-' * 10_000}= x-amz-security-token=secret")
    assert time.process_time() - started < 2
