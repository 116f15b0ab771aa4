"""`python -m fleet.limits`: what it changes, what it says then, and what it refuses."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from fleet.database import Database
from fleet.tenants import manage
from fleet.tenants.limits_command import main

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command for the tenant of the tests: exit code, standard output and error."""
    monkeypatch.setenv("RENDERFLEET_DATABASE_URL", database_url)

    async def command(*words: str, tenant: str = "tests") -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, ["--tenant", tenant, *words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def said(out: str) -> dict[str, str]:
    """The lines of the result, by their first word."""
    return dict(re.split(r"\s+", line, maxsplit=1) for line in out.splitlines())


async def test_limits_are_set_and_what_is_not_given_stays(
    run: Run, database: Database, tenant_id: UUID
) -> None:
    code, out, err = await run("--weight", "2.5", "--max-queued", "7", "--max-running", "2")
    assert (code, err) == (0, "")
    limits = said(out)
    assert (limits["tenant"], limits["weight"], limits["max_queued"]) == ("tests", "2.5", "7")
    assert limits["burst"] == "default (RENDERFLEET_TENANT_BURST)"
    assert (limits["egress_allow"], limits["renders_this_month"]) == ("none", "0")
    _, out, _ = await run("--max-running", "default", "--weight", "default")
    assert said(out)["max_running"] == "default (RENDERFLEET_TENANT_MAX_RUNNING)"
    account = await manage.get(database, tenant_id)
    assert account is not None
    assert (account.weight, account.max_queued, account.max_running) == (1.0, 7, None)


async def test_calls_renders_and_addresses_are_set(run: Run, database: Database, tenant_id: UUID) -> None:
    words = "--max-requests-per-s 0.5 --burst 3 --max-renders-per-month 0"
    words += " --egress-allow 10.1.0.0/16,[fd00::1]:80 --egress-deny *.example.com,192.0.2.0/24"
    _, out, _ = await run(*words.split())
    assert said(out)["egress_deny"] == "*.example.com, 192.0.2.0/24"
    account = await manage.get(database, tenant_id)
    assert account is not None
    assert (account.max_requests_per_s, account.burst, account.max_renders_per_month) == (0.5, 3, 0)
    assert account.egress_allow == ("10.1.0.0/16", "[fd00::1]:80")
    await run("--max-requests-per-s", "default", "--burst", "default", "--egress-deny=")
    account = await manage.get(database, tenant_id)
    assert account is not None
    assert (account.max_requests_per_s, account.burst, account.egress_deny) == (None, None, ())
    assert account.max_renders_per_month == 0, "what is not given stays"


async def test_without_a_change_it_tells_what_holds(run: Run, tenant_id: UUID) -> None:  # noqa: ARG001 - there is one
    code, out, _ = await run()
    assert (code, said(out)["weight"]) == (0, "1.0")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--weight", "0"], "--weight: must be at least 0.01"),
        (["--max-running", "0"], "--max-running: must be at least 1"),
        (["--max-queued", "-1"], "--max-queued: must be at least 0"),
        (["--max-queued", "many"], "--max-queued: must be a whole number"),
        (["--max-requests-per-s", "0"], "--max-requests-per-s: must be at least 0.01"),
        (["--max-requests-per-s", "nan"], "--max-requests-per-s: must be a number"),
        (["--burst", "0"], "--burst: must be at least 1"),
        (["--egress-allow", "example.com"], "--egress-allow: 'example.com' is not an address or network"),
        (["--egress-deny", "two words"], "--egress-deny: 'two words' is neither an address or network"),
        (["--egress-deny", ",".join(["a.example"] * 101)], "--egress-deny: must have at most 100 entries"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--tenant", "tests", *words])
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert err.startswith(f"renderfleet: {sentence}")
    assert err.count("\n") == 1


async def test_an_unknown_tenant_is_named_with_the_one_that_was_meant(
    run: Run,
    tenant_id: UUID,  # noqa: ARG001 - of the tenant "tests"
) -> None:
    code, out, err = await run("--weight", "2", tenant="test")
    assert (code, out) == (1, "")
    assert err == "renderfleet: there is no tenant 'test'; did you mean 'tests'?\n"
    assert (await run(tenant="nobody"))[2] == "renderfleet: there is no tenant 'nobody'.\n"
