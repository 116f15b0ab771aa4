"""The signing helpers of docs/links.md, run as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import playwright
import pytest

from fleet.render.link_signature import canonical, link_key, parse, sign
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S

PAGE = (ROOT / "docs" / "links.md").read_text()
BASE = "https://renders.example.com"
# Playwright brings its own: there need be none on the machine.
NODE = Path(playwright.__file__).parent / "driver" / "node"


def block(marker: str) -> str:
    """The code block under a marker."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


VECTOR: dict[str, Any] = json.loads(block("vector"))
GIVEN = (BASE, VECTOR["path"], VECTOR["api_key"], VECTOR["expires"])


def call_in_python() -> list[str]:
    call = f"print(signed_link(*{GIVEN!r}, {VECTOR['options']!r}))"
    return [sys.executable, "-c", f"{block('helper: python')}\n\n{call}"]


def call_in_javascript() -> list[str]:
    given = ", ".join(json.dumps(value) for value in (*GIVEN, VECTOR["options"]))
    return [str(NODE), "-e", f"{block('helper: javascript')}\nconsole.log(signedLink({given}));"]


def call_in_shell() -> list[str]:
    words = [*map(str, GIVEN), *(word for pair in VECTOR["options"].items() for word in pair)]
    return ["sh", "-c", f'{block("helper: sh")}\nsigned_link "$@"', "sh", *words]


@pytest.mark.parametrize("call", [call_in_python, call_in_javascript, call_in_shell])
def test_each_helper_signs_the_vector(call: Any) -> None:
    made = subprocess.run(call(), check=True, capture_output=True, text=True, timeout=PATIENCE_S)
    assert made.stdout.strip() == f"{BASE}{VECTOR['canonical']}&signature={VECTOR['signature']}"
    assert made.stderr == ""


def test_the_vector_is_what_the_api_checks() -> None:
    _, key_id, secret = VECTOR["api_key"].split("_", 2)
    parameters = {**VECTOR["options"], "key": key_id, "expires": str(VECTOR["expires"])}
    key = link_key(secret)
    assert key.hex() == VECTOR["link_key"]
    assert canonical(VECTOR["path"], parameters) == VECTOR["canonical"]
    assert sign(key, VECTOR["path"], parameters) == VECTOR["signature"]
    query = f"{VECTOR['canonical'].partition('?')[2]}&signature={VECTOR['signature']}"
    assert parse(VECTOR["path"], query.encode()).is_signed_with(key)
