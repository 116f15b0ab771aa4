"""The page at /docs: all that the OpenAPI document has, and nothing that runs or is fetched."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from api.openapi.manual import manual_page
from tests.integration.api.conftest import Api


class Page(HTMLParser):
    """Elements, the addresses that they name, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.addresses: set[str] = set()
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name in ("href", "src", "action", "srcset", "data"):
                self.addresses.add(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_every_call_and_document_is_told(api: Api) -> None:
    answer = await api.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    document = (await api.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"{method.upper()}{path}" in page.text, (method, path)
            assert operation["operationId"] in page.ids
            for parameter in operation.get("parameters", []):
                assert f"{parameter['name']} ({parameter['in']})" in page.text, (path, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert f"schema-{name}" in page.ids
        assert all(field in page.text for field in schema.get("properties", {})), name
    assert len(set(page.ids)) == len(page.ids)
    inside = {address.removeprefix("#") for address in page.addresses if address.startswith("#")}
    assert inside <= set(page.ids), "a link leads nowhere"


async def test_it_fetches_and_runs_nothing(api: Api) -> None:
    answer = await api.client.get("/docs")
    page = Page(answer.text)
    assert not page.elements & {"script", "link", "img", "iframe", "form", "object", "embed", "base"}
    assert {address for address in page.addresses if not address.startswith("#")} == {"/openapi.json"}
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy
    assert (await api.client.head("/docs")).status_code == 200
    assert (await api.client.get("/redoc")).status_code == 404


def test_what_stands_between_backticks_is_code() -> None:
    page = manual_page(
        {
            "info": {"title": "t", "version": "1", "description": "Send `a < b` to `c`."},
            "paths": {},
            "components": {"schemas": {}},
        }
    )
    assert "<p>Send <code>a &lt; b</code> to <code>c</code>.</p>" in page


def test_what_the_document_says_is_shown_and_not_run() -> None:
    mark = "<script>x</script>\"'"
    schema = {
        "type": "object",
        "description": mark,
        "properties": {mark: {"type": "string", "default": mark}},
    }
    operation = {
        "operationId": mark,
        "description": mark,
        "parameters": [{"name": mark, "in": "query", "schema": {"enum": [mark]}}],
        "requestBody": {"content": {mark: {"schema": {"$ref": mark}, "examples": {"a": {"value": mark}}}}},
        "responses": {mark: {"description": mark, "content": {mark: {}}}},
    }
    page = manual_page(
        {
            "info": {"title": mark, "version": mark, "description": mark},
            "paths": {mark: {"get": operation}},
            "components": {"schemas": {mark: schema}},
        }
    )
    assert "script" not in Page(page).elements
