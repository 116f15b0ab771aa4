"""The page at /docs: all that the OpenAPI document has, and nothing that runs or is fetched."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from api.openapi.guides import PAGES, guide_page, with_links
from api.openapi.manual import manual_page
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api
from tests.kit.api.calls import problem


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
    outside = {address for address in page.addresses if not address.startswith("#")}
    assert outside == {"/openapi.json", *(f"/docs/{name}" for name in PAGES)}
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy
    assert (await api.client.head("/docs")).status_code == 200
    assert (await api.client.get("/redoc")).status_code == 404


async def test_each_page_for_callers_is_there_and_no_link_of_it_leads_nowhere(api: Api) -> None:
    pages = {name: Page((await api.client.get(f"/docs/{name}")).text) for name in PAGES}
    for name, page in pages.items():
        assert not page.elements & {"script", "link", "img", "iframe", "form", "object", "embed", "base"}
        for address in page.addresses - {"/docs"}:
            path, _, heading = address.partition("#")
            if path.startswith(("http:", "https:")):
                continue
            target = name if not path else path.removeprefix("/docs/")
            assert target in pages, (name, address)
            assert not heading or heading in pages[target].ids, (name, address)


async def test_a_page_has_the_policy_of_the_manual_and_no_style_of_its_own(api: Api) -> None:
    answer = await api.client.get("/docs/jobs")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in answer.headers["content-security-policy"]
    assert " style=" not in answer.text
    assert (await api.client.get("/docs/jobs.md")).text == answer.text, "as the files refer to each other"


async def test_other_pages_and_files_are_not_served(api: Api) -> None:
    for name in ("settings", "architecture", "..%2FREADME", "%2Fetc%2Fpasswd", "jobs.md.md", "operations"):
        problem(await api.client.get(f"/docs/{name}"), 404, ErrorType.NOT_FOUND)
    assert guide_page("../README", "") is None


def test_a_page_that_a_description_names_is_led_to() -> None:
    assert with_links("see docs/links.md for what is signed, docs/settings.md not") == [
        ("see ", ""),
        ("Signed links", "/docs/links"),
        (" for what is signed, docs/settings.md not", ""),
    ]


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
