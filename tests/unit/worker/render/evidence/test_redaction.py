"""No credential that a request can have is told by what is recorded of its render."""

from typing import Any

import pytest

from fleet.render.sealed import CREDENTIALS
from tests.kit.stages.browser_stage import request_for
from worker.render.evidence.redaction import REPLACEMENT, Redactor

SECRET = "s3cret/ö&word"
ORIGIN = {"origin": "http://127.0.0.1", "localStorage": [{"name": "n", "value": SECRET}]}
GIVEN: dict[str, dict[str, Any]] = {
    "actions": {"actions": [{"type": {"selector": "input", "text": SECRET}}]},
    "proxy": {"proxy": {"server": "127.0.0.1:3128", "username": "u", "password": SECRET}},
    "headers": {"headers": {"X-Own": "s3cret/&word"}},
    "basic_auth": {"basic_auth": {"username": "u", "password": SECRET}},
    "cookies": {"cookies": [{"name": "n", "value": "s3cret/&word", "path": "/"}]},
    "storage_state": {"storage_state": {"cookies": [], "origins": [ORIGIN]}},
    "pdf.password": {"format": "pdf", "pdf": {"password": {"user": SECRET, "owner": SECRET + "2"}}},
}


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_a_credential_is_found_in_every_spelling(name: str) -> None:
    secret = SECRET.replace("ö", "") if name in {"headers", "cookies"} else SECRET
    redactor = Redactor.of(request_for(url="http://127.0.0.1/", **GIVEN[name]))
    assert redactor.text(f"<{secret}>") == f"<{REPLACEMENT}>"
    assert b"word" not in redactor.data(secret.replace("&", "&amp;").encode())
    quoted = "".join(f"={byte:02X}" for byte in secret.encode()).encode()
    assert redactor.mhtml(quoted[:9] + b"=\r\n" + quoted[9:]) == REPLACEMENT.encode()


def test_a_short_secret_is_hidden_where_it_is_a_whole_value_in_an_address() -> None:
    typed = [{"type": {"selector": "input", "text": text}} for text in ("4711", "p&p", "1")]
    redactor = Redactor.of(request_for(url="http://127.0.0.1/", actions=typed))
    address = "http://127.0.0.1/4711?pin=4711&word=p%26p&page=1&id=47110"
    hidden = "http://127.0.0.1/4711?pin=REDACTED&word=REDACTED&page=1&id=47110"
    assert redactor.text(address) == hidden
    assert redactor.document(f'<a href="{address}#a">'.encode()) == f'<a href="{hidden}#a">'.encode()
    assert redactor.data(address.encode()) == address.encode(), "a script may say pin=4711"
