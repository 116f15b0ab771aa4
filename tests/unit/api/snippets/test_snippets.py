"""Code that people copy: whatever is in a form, what runs is exactly what was asked, and nothing else."""

import ast
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from api.snippets.all_forms import snippets
from api.snippets.curl import curl_call
from api.snippets.link import LinkSigner, NotInLinkError, link_parameters
from fleet.render.link_parameters import read_link
from fleet.render.link_signature import parse
from tests.kit.patience import PATIENCE_S

BASE = "http://127.0.0.1:8301"
SIGNER = LinkSigner("0a1b2c3d4e5f", b"k" * 32, 1_900_000_000)
# Each would end a quote, run a command, or be lost in one of the languages.
HOSTILE = [
    "it's",
    "'; touch pwned; '",
    '"$(touch pwned)"',
    "`touch pwned`",
    "$HOME ${HOME} %PATH%",
    "!! !$ !touch",
    "back\\slash \\n \\' \\u0041",
    "two\nlines\r\n\tand a tab",
    "END\nEND",
    "</script><img src=x onerror=alert(1)>",
    "${process.exit(3)} {{ x }} {% x %}",
    "ünï 日本 😀",
    "a\u202eb\u200bc\ufeffd\u2028e\x7ff",
    "-o /etc/passwd",
    "--request=x",
    "@file",
    "null",
    "1e5",
    "true",
    "",
    " padded ",
    "#comment; & | > <",
]
REQUESTS: list[dict[str, Any]] = [
    {"url": "https://example.com/"},
    {
        "url": "https://example.com/it's?a=1&b=!$(x)`y`",
        "full_page": True,
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 1.5,
        "format": "jpeg",
        "headers": {"X-It's": "a!b", "a.b": "c"},
        "hide_selectors": HOSTILE,
        "full_page_scroll": False,
        "quality": None,
    },
    *({"url": "https://example.com/", "selector": text, "scripts": [text]} for text in HOSTILE),
    {
        "url": "https://example.com/",
        "format": "pdf",
        "pdf": {
            "format": "A5",
            "landscape": True,
            "page_ranges": "-3",
            "scale": 0.9,
            "margin": {"top": "2cm"},
        },
    },
    {"url": "https://example.com/", "format": "text"},
    {"html": "".join(HOSTILE), "data": {text: text for text in HOSTILE}, "not_a-name": 1, "class": 2},
    {"html": "x", "data": {"__proto__": {"a": 1}, "constructor": 2}},
    {"html": "it's large!" * 20_000},
    {"url": "https://example.com/", "run_at": "2031-01-01T00:00:00Z", "format": "webp"},
    {"markdown": "x", "run_at": "2031-01-01T00:00:00Z", "format": "pdf"},
]
# It notes what it was called with, and how the file that it would write is called.
STUB = """#!/bin/sh
exec {python} -c '
import json, select, sys
has_input = not sys.stdin.isatty()
json.dump([sys.argv[1:], sys.stdin.read() if has_input else ""], open("said.json", "w"))
' "$@"
"""


def code_of(request: dict[str, Any], form: str) -> str:
    return next(one.code for one in snippets(BASE, request, SIGNER) if one.id == form)


def body_of(request: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(request))  # type: ignore[no-any-return]


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Types a line into bash, as by hand: with `!` for earlier lines. What a command was called with."""
    import sys  # noqa: PLC0415 - for the stub alone

    for name in ("curl", "renderfleet"):
        (tmp_path / name).write_text(STUB.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)

    def run(line: str) -> tuple[list[str], str]:
        (tmp_path / "line.sh").write_text(f"set -o history -o histexpand\necho before >/dev/null\n{line}\n")
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RENDERFLEET_API_KEY": "rf_x_y"}
        done = subprocess.run(
            ["bash", "line.sh"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        assert not (tmp_path / "pwned").exists()
        words, keys = json.loads((tmp_path / "said.json").read_text())
        return words, keys

    return run


def test_curl_sends_exactly_what_was_asked(shell: Any) -> None:
    for request in REQUESTS:
        words, keys = shell(code_of(request, "curl"))
        body = words[words.index("-d") + 1] if "-d" in words else keys
        assert json.loads(body) == body_of(request)
        assert "Authorization: Bearer rf_x_y" in words
        path = "/v1/jobs" if "run_at" in request else "/v1/pdf" if request.get("format") == "pdf" else None
        assert f"{BASE}{path or '/v1/screenshot'}" in words
        assert ("-o" in words) == ("run_at" not in request)


def test_the_command_line_asks_exactly_what_was_asked(shell: Any) -> None:
    from renderfleet.cli.input import options  # noqa: PLC0415 - takes 0.2 s to import, for this test alone

    for request in REQUESTS:
        words, keys = shell(code_of(request, "cli"))
        assert words[:2] == ["--url", BASE]
        is_document = words[2] == "pdf"
        found: dict[str, Any] = {}
        if "--request" in words:
            found = json.loads(keys)
        else:
            found["url"] = words[3]
            more = [words[at + 1] for at, word in enumerate(words) if word == "-O"]
            named: dict[str, Any] = {"full_page": "--full-page" in words}
            window = {
                side: words[words.index(f"--{side}") + 1]
                for side in ("width", "height")
                if f"--{side}" in words
            }
            if window:
                named |= {"viewport": {side: int(number) for side, number in window.items()}}
            printing = {
                "format": words[words.index("--paper") + 1] if "--paper" in words else None,
                "page_ranges": words[words.index("--pages") + 1] if "--pages" in words else None,
                "landscape": "--landscape" in words or None,
            }
            if is_document and any(printing.values()):
                named |= {"pdf": {name: value for name, value in printing.items() if value is not None}}
            found |= options.given(named, more, None)
        expected = body_of(request)
        if is_document:
            assert expected.pop("format") == "pdf"
        elif "--no-wait" not in words:
            ending = words[words.index("-o") + 1].rpartition(".")[2]
            usual = {"jpg": "jpeg", "txt": "text"}.get(ending, ending)
            assert expected.pop("format", "png") == usual
            found.pop("format", None)
        assert found == expected


def test_python_calls_exactly_what_was_asked() -> None:
    for request in REQUESTS:
        tree = ast.parse(code_of(request, "python"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        [call] = [node for node in calls if ast.unparse(node.func) in _PYTHON_CALLS]
        found: dict[str, Any] = {}
        if ast.unparse(call.func) == "client.jobs.submit":
            found = ast.literal_eval(call.args[0])
        else:
            found |= {"url": ast.literal_eval(call.args[0])} if call.args else {}
            for keyword in call.keywords:
                value = ast.literal_eval(keyword.value)
                found |= {keyword.arg: value} if keyword.arg else value
            if ast.unparse(call.func) == "client.pdf":
                found["format"] = "pdf"
        assert found == body_of(request)


_PYTHON_CALLS = {"client.screenshot", "client.pdf", "client.jobs.submit"}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_javascript_sends_exactly_what_was_asked(tmp_path: Path) -> None:
    answer = "{ ok: true, arrayBuffer: async () => new ArrayBuffer(1), json: async () => ({ id: 1 }) }"
    stub = f"globalThis.fetch = async (address, call) => {{ sent.push([address, call]); return {answer}; }};"
    programs = [code_of(request, "javascript").replace("const answer", "var answer") for request in REQUESTS]
    imports = 'import { writeFile } from "node:fs/promises";'
    bodies = "\n".join(f"{{\n{program.replace(imports, '')}\n}}" for program in programs)
    module = f"{imports}\nconst sent = [];\n{stub}\nconst log = console.log;\nconsole.log = () => 0;\n"
    (tmp_path / "all.mjs").write_text(f"{module}{bodies}\nlog(JSON.stringify(sent));")
    done = subprocess.run(
        ["node", "all.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout)
    assert [json.loads(call["body"]) for _, call in sent] == [body_of(request) for request in REQUESTS]
    assert {call["headers"]["Authorization"] for _, call in sent} == {"Bearer undefined"}


def test_an_image_shows_exactly_what_was_asked_or_says_why_not() -> None:
    request = {
        "url": "https://example.com/?a=1&b=it's",
        "full_page": True,
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 1.5,
        "fail_on_status": ["4xx", 500],
        "selector_padding_px": 0,
        "user_agent": 'it\'s <b> & "co" 100%',
    }
    markup = code_of(request, "link")
    [address] = re.findall(r'^<img src="([^"]*)" alt=', markup)
    path, _, query = html.unescape(address).removeprefix(BASE).partition("?")
    link = parse(path, query.encode())
    assert link.is_signed_with(SIGNER.key)
    options = {name: text for name, text in link.parameters.items() if name not in ("key", "expires")}
    read = read_link(options, cache_ttl_s=0, is_document=False, context={})
    assert read.url == "https://example.com/?a=1&b=it%27s"
    assert (read.full_page, read.viewport.width, read.device_scale_factor) == (True, 390, 1.5)
    assert read.user_agent == request["user_agent"]
    assert [str(status) for status in read.fail_on_status] == ["4xx", "500"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"html": "x", "url": None}, "give `url`"),
        ({"headers": {"X-A": "b"}}, "cannot have `headers`"),
        ({"priority": 3, "styles": ["x"]}, "cannot have `priority`, `styles`"),
        ({"hide_selectors": ["a, b"]}, "`hide_selectors` has a comma"),
        ({"selector": ""}, "`selector` cannot be"),
        ({"hide_selectors": []}, "`hide_selectors` cannot be"),
        ({"device_scale_factor": 1e-07}, "`device_scale_factor` cannot be"),
        ({"full_page": "yes"}, "`full_page` cannot be"),
        ({"format": "html"}, "`format` is html"),
        ({"pdf": {"watermark": {"text": "x"}}, "format": "pdf"}, "cannot have `pdf.watermark`"),
    ],
)
def test_what_a_link_cannot_say(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotInLinkError, match=re.escape(reason)):
        link_parameters({"url": "https://example.com/", **options})


def test_without_a_page_the_code_shows_an_example() -> None:
    for snippet in snippets(BASE, {"full_page": True}, "no key"):
        assert "https://example.com/" in snippet.code or snippet.note == "no key"


def test_signs_that_cannot_be_seen_are_shown() -> None:
    request = {"html": "a\u202eb\u200bc"}
    for form in ("curl", "python", "cli", "javascript"):
        code = code_of(request, form)
        assert "\\u202e" in code
        assert "\\u200b" in code


def test_no_shell_used_by_hand_reads_an_earlier_line_into_it() -> None:
    # Old shells put earlier lines in place of `!` also in the further lines of a quoted text.
    for form in ("curl", "cli"):
        assert "!" not in code_of({"html": "a!b !! it's"}, form)


def test_other_calls_say_their_method(shell: Any) -> None:
    words, _ = shell(curl_call('"$HOME/v1/jobs/x"', method="DELETE", headers={"Prefer": "wait=5"}))
    assert words[words.index("-X") + 1] == "DELETE"
    assert "Prefer: wait=5" in words
    words, _ = shell(curl_call("http://x/v1/jobs", method="GET", has_key=False))
    assert "-X" not in words
    assert not any("Bearer" in word for word in words)
