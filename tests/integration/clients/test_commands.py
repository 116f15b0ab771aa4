"""Each command of `renderfleet`, as a person or a script uses it, against a fleet."""

import asyncio
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.clients.conftest import PAGE, ClientFleet
from tests.kit.servers.receiver import answer, receiver

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("page")]


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_newcomer_makes_a_picture_with_one_line(fleet: ClientFleet) -> None:
    address = fleet.site.url("/")
    said = await fleet.say(f"shot {address.removeprefix('http://')} -o a.png --full-page -w 1440 --scale 2")
    assert said.code == 0, said
    assert said.output == ""
    with Image.open(fleet.folder / "a.png") as picture:
        assert picture.width == 2880
        assert picture.format == "PNG"
        assert f"a.png: 2880 x {picture.height}, " in said.errors


async def test_sources_and_targets_of_a_picture(fleet: ClientFleet) -> None:
    made = await fleet.say("shot - -o - --format webp --selector h1", keys=PAGE)
    assert made.code == 0, made
    (fleet.folder / "site").mkdir()
    (fleet.folder / "site" / "index.html").write_text("<link rel=stylesheet href=a.css><p>x")
    (fleet.folder / "site" / "a.css").write_text("html{background:#f00}")
    await fleet.done("shot site -o red.jpg -O viewport.width=20 -O viewport.height=20 -O quality=100")
    with Image.open(fleet.folder / "red.jpg") as picture:
        red, green, _ = picture.convert("RGB").getpixel((15, 2))  # type: ignore[misc]
        assert (picture.size, red > 200, green < 50) == ((20, 20), True, True)
    await fleet.done("shot page.html")
    await fleet.done("shot page.html")
    assert {path.name for path in fleet.folder.glob("page-html*")} == {"page-html.png", "page-html.1.png"}


async def test_a_request_from_a_pipe_has_its_page(fleet: ClientFleet) -> None:
    request = json.dumps({"html": PAGE, "viewport": {"width": 50, "height": 40}})
    await fleet.done("shot --request - -o request.png", keys=request)
    with Image.open(fleet.folder / "request.png") as picture:
        assert picture.size == (50, 40)
    refused = await fleet.say("shot --request - -o none.png", keys='{"full_page": true}')
    assert refused.code == 2
    assert "give a page" in refused.errors


async def test_a_pdf_of_a_file_goes_to_a_file_or_to_a_pipe(fleet: ClientFleet, page: Path) -> None:
    await fleet.done(f"pdf {page.name} -o invoice.pdf --paper A5 --margin 2cm --landscape")
    assert (fleet.folder / "invoice.pdf").read_bytes().startswith(b"%PDF")
    said = await fleet.say("pdf notes.html")
    assert said.code == 2
    assert "there is no such file" in said.errors


SHOTS = """
- output: whole.png
  url: {url}
  width: 300
- output: window.jpg
  url: {url}
  width: 400
  height: 200
  quality: 60
- output: area.png
  url: page.html
  selectors: ["#one"]
  selector_all: p
  javascript: document.body.style.padding = '10px'
- output: none.png
  url: http://127.0.0.1:1/
"""


async def test_a_file_of_shot_scraper_is_made_at_once_and_one_failure_stops_no_other(
    fleet: ClientFleet,
) -> None:
    (fleet.folder / "shots.yml").write_text(SHOTS.format(url=fleet.site.url("/")))
    said = await fleet.say("multi shots.yml")
    assert said.code == 1, said
    assert "http://127.0.0.1:1/: " in said.errors
    sizes = {}
    for name in ("whole.png", "window.jpg", "area.png"):
        with Image.open(fleet.folder / name) as picture:
            sizes[name] = picture.size
    assert sizes["whole.png"][0] == 300
    assert sizes["window.jpg"] == (400, 200)
    assert 20 < sizes["area.png"][1] < 200, "the box around two elements, not the page of 2,000 pixels"
    again = await fleet.say("multi shots.yml --no-clobber -o window.jpg")
    assert (again.code, "nothing to do" in again.errors) == (0, True)
    refused = await fleet.say("multi -", keys="- sh: rm x\n  url: a.example\n")
    assert (refused.code, "`sh` is not done" in refused.errors) == (2, True)


async def test_jobs_are_lists_for_programs(fleet: ClientFleet, page: Path) -> None:
    id_ = await fleet.done(f"shot {page.name} --external-id 'list 1' -O evidence=true --no-wait")
    await fleet.done(f"job {id_} -o saved.png")
    assert (fleet.folder / "saved.png").stat().st_size > 100
    await fleet.done(f"job {id_} --evidence evidence.zip")
    assert (fleet.folder / "evidence.zip").read_bytes().startswith(b"PK")
    (line,) = (await fleet.done("jobs --external-id 'list 1' --since 1h")).splitlines()
    assert line.split("\t")[:3] == [id_, "succeeded", "png"]
    assert line.split("\t")[3].endswith("Z"), "an exact time"
    found = json.loads(await fleet.done("jobs --external-id 'list 1' --json id,artifact.width_px,error.type"))
    assert found == {"id": id_, "artifact.width_px": 1280, "error.type": None}
    facts = dict(fact.split("\t") for fact in (await fleet.done(f"job {id_}")).splitlines())
    assert (facts["status"], facts["title"]) == ("succeeded", "A {word}")
    assert (await fleet.done(f"job {id_} --attempts")).split("\t")[:2] == ["1", "succeeded"]
    browser = fleet.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >"{fleet.folder}/opened"\n')
    browser.chmod(0o700)
    shown = await fleet.say(f"job {id_} --web", BROWSER=f"{browser}")
    address = f"{fleet.url}/ui/jobs/{id_}\n"
    assert (shown.output, (fleet.folder / "opened").read_text()) == (address, address)


async def test_following_retrying_and_cancelling(fleet: ClientFleet) -> None:
    gate = fleet.stage.gate
    id_ = await fleet.done(f"shot {gate.url} --no-wait")
    following = asyncio.create_task(fleet.say(f"job {id_} --follow"))
    await gate.visited()
    waiting = await fleet.say(f"shot {gate.url}/other --timeout 0")
    assert waiting.code == 6, waiting
    other = waiting.errors.split()[3]
    assert other in await fleet.done(f"cancel {other}")
    assert (await fleet.say(f"cancel {other}")).code == 0, "it is cancelled, as was wanted"
    unknown = "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01"
    refused = await fleet.say(f"cancel {unknown} {id_}")
    assert (refused.code, id_ in refused.output) == (4, True), refused
    followed = await following
    assert followed.code == 1
    assert followed.output.splitlines()[-1].split("\t")[0] == "cancelled"
    gate.open()
    again = await fleet.say(f"retry {id_} --wait")
    assert again.code == 0, again
    assert again.output.strip() != id_
    assert (await fleet.say("cancel --status queued --yes")).code == 0


async def test_all_jobs_are_followed_as_they_change(fleet: ClientFleet) -> None:
    following = asyncio.create_task(fleet.say("events --count 3"))
    while not following.done():
        # It tells what happens from the moment on in which it is heard.
        await fleet.done(f"shot {fleet.site.url('/')} -o events.png -O external_id=followed")
    told = [line.split("\t") for line in (await following).output.splitlines()]
    assert len(told) == 3
    assert {name for _, _, _, _, name, _ in told} == {"followed"}
    assert {status for _, _, status, _, _, _ in told} <= {"queued", "running", "succeeded"}
    again = await fleet.done(f"events --count 1 --after {told[0][-1]} --json id,status")
    assert json.loads(again).keys() == {"id", "status"}


async def test_a_job_that_does_not_wait_is_not_moved(fleet: ClientFleet) -> None:
    later = await fleet.done(f"shot {fleet.site.url('/')} --no-wait -O run_at=2027-01-01T00:00:00Z")
    assert await fleet.done(f"move {later} --priority 9") == f"{later}\t9"
    await fleet.done(f"cancel {later}")
    refused = await fleet.say(f"move {later} --priority 1")
    assert (refused.code, "only a queued one can be moved" in refused.errors) == (2, True), refused


async def test_a_link_shows_its_picture_to_everybody(fleet: ClientFleet) -> None:
    page = fleet.site.url("/?a=b&c='d'")
    link = await fleet.done(
        f'link "{page}" --width 320 --height 200 --expires 1h -O hide_selectors=\'["p","i"]\''
    )
    anybody = await fleet.say(f"api GET '{link.removeprefix(fleet.url)}'")
    assert anybody.code == 0, anybody.errors
    image = await fleet.done(f"link {fleet.site.url('/')} --width 320 --html")
    assert image.startswith(f'<img src="{fleet.url}/v1/screenshot?expires=')
    assert "&amp;viewport.width=320" in image


async def test_two_pictures_are_compared_and_their_difference_is_saved(fleet: ClientFleet) -> None:
    older, newer = [
        await fleet.done("shot - --no-wait -O viewport.width=99", keys=f"<h1>price {n}</h1>") for n in (1, 2)
    ]
    for id_ in (older, newer):
        await fleet.done(f"job {id_} -o one.png")
    said = dict(
        line.split("\t") for line in (await fleet.done(f"compare {newer} {older} -o d.png")).splitlines()
    )
    assert (said["equal"], said["method"], said["compared with"]) == ("no", "visible", older)
    with Image.open(fleet.folder / "d.png") as picture:
        assert picture.width == 99
    assert json.loads(await fleet.done(f"compare {newer} {older} --method perceptual --json equal")) == {
        "equal": True
    }


async def test_schedules(fleet: ClientFleet) -> None:
    id_ = await fleet.done(f"schedule add prices {fleet.site.url('/')} --cron '0 9 * * 1-5' --pixels 0")
    (line,) = (await fleet.done("schedule list")).splitlines()
    assert line.split("\t")[:3] == [id_, "prices", "0 9 * * 1-5"]
    await fleet.done("schedule disable prices")
    now = json.loads(
        await fleet.done(f"job {await fleet.done('schedule run prices')} --json schedule_id,status")
    )
    assert (now["schedule_id"], now["status"] in {"queued", "running", "succeeded"}) == (id_, True)
    shown = json.loads(await fleet.done("schedule show prices --json enabled,deliver"))
    assert shown == {"enabled": False, "deliver": "when_changed"}
    await fleet.done("schedule enable prices")
    assert "\nnext 1\t" in await fleet.done(f"schedule show {id_}")
    undecided = await fleet.say("schedule diff prices")
    assert (undecided.code, "has not made two pictures" in undecided.errors) == (2, True)
    await fleet.done("schedule rm prices")
    gone = await fleet.say("schedule show prices")
    assert (gone.code, "`renderfleet schedule list` lists them" in gone.errors) == (4, True), gone


async def test_messages_are_verified_and_passed_on(fleet: ClientFleet) -> None:
    async with receiver() as application:
        application.behaviours = [answer(202)]
        listening = asyncio.create_task(
            fleet.say(
                f"webhook listen --port 0 --count 1 --forward {application.url.removeprefix('http://')}"
            )
        )
        while not (listed := await fleet.done("webhook list")):
            assert not listening.done(), await listening
        address = listed.split("\t")[-1]
        id_ = await fleet.done(f"shot {fleet.site.url('/')} --no-wait -O webhook_url={address}")
        (passed_on,) = await application.got()
        said = await listening
        assert said.code == 0, said
        assert said.output.split("\t")[:2] == ["job.succeeded", id_]
        assert said.output.endswith("passed on: 202\n")
        assert passed_on.headers["webhook-signature"].startswith("v1,")
    hook = listed.split("\t")[0]
    refused = await fleet.say(f"webhook test {hook}")  # nobody listens any more
    assert (refused.code, "connection_failed" in refused.output) == (1, True), refused
    secret = await fleet.done(f"webhook show {hook}")
    assert await fleet.done(f"webhook rotate {hook}") != secret
    await fleet.done(f"webhook rm {hook}")
    assert await fleet.done("webhook list") == ""


async def test_profiles_are_remembered_and_only_the_owner_can_read_them(fleet: ClientFleet) -> None:
    bare = {"RENDERFLEET_URL": "", "RENDERFLEET_API_KEY": ""}
    nothing = await fleet.say("jobs", **bare)
    assert (nothing.code, "renderfleet login" in nothing.errors) == (3, True)
    wrong = await fleet.say(f"login {fleet.url}", keys="rf_aaaaaaaaaaaa_wrong\n", **bare)
    assert wrong.code == 3
    for name in ("one", "two"):
        said = await fleet.say(f"login {fleet.url} --profile {name}", keys=f"{fleet.key}\n", **bare)
        assert said.code == 0, said
    assert mode_of(fleet.folder / "home/.config/renderfleet/profiles.json") == 0o600
    assert (await fleet.say("profiles use one", **bare)).code == 0
    assert (await fleet.say("profiles", **bare)).output.splitlines()[0] == f"*\tone\t{fleet.url}"
    assert (await fleet.say("jobs -n 1", **bare)).code == 0
    elsewhere = await fleet.say("--url http://127.0.0.1:1 jobs", **bare)
    assert (elsewhere.code, "no API key" in elsewhere.errors) == (3, True), (
        "a key goes to its own server alone"
    )
    assert (await fleet.say("profiles rm one", **bare)).code == 0
    assert (await fleet.say("--profile one jobs", **bare)).code == 3


async def test_any_call_and_the_exit_code_of_its_cause(fleet: ClientFleet) -> None:
    assert json.loads(await fleet.done("api GET /v1/me"))["tenant"]["name"] == "tests"
    made = json.loads(await fleet.done("api post v1/jobs -d @- -H 'Prefer: wait=30'", keys='{"html": "x"}'))
    assert made["status"] == "succeeded"
    (fleet.folder / "picture.bin").write_bytes(b"\x89PNG")
    for line, code in (
        ("shot picture.bin", 2),
        ("shot - -o /dev/null/a.png", 2),
        (f"webhook listen --port {fleet.site.port}", 2),
        ("api GET /v1/nothing", 4),
        ("api GET /v1/jobs?limit=0", 2),
        ("shot page.html -O nonsense=1", 2),
        ("shot http://127.0.0.1:1/", 1),
        ("shot", 2),
        ("shot a b", 2),
        ("jobs --since yesterday", 2),
    ):
        said = await fleet.say(line, keys="<p>x")
        assert said.code == code, said
        assert "Traceback" not in said.errors


async def test_what_a_page_says_cannot_move_the_cursor_nor_make_lines(fleet: ClientFleet) -> None:
    html = "<title>&#27;[2Jred\u202eevil</title><p>x"
    id_ = await fleet.done("shot - -o hostile.png --external-id hostile --no-wait", keys=html)
    await fleet.done(f"job {id_} -o hostile.png")
    shown = await fleet.done(f"job {id_}")
    assert "red" in shown
    assert not {"\x1b", "\u202e"} & set(shown)


async def test_shells_learn_to_complete(fleet: ClientFleet) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert f"_RENDERFLEET_COMPLETE=complete_{shell}" in await fleet.done(f"completion {shell}")
    said = await fleet.say(
        "", _RENDERFLEET_COMPLETE="complete_bash", COMP_WORDS="renderfleet sch", COMP_CWORD="1"
    )
    assert said.output.strip() == "schedule"
