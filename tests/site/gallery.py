"""Pages on which each option of a picture can be seen: off and on, side by side (`tests/gallery`).

The pages are in the folder beside this module.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Query = dict[str, str]

FOLDER = Path(__file__).with_name("gallery")
STYLE = FOLDER / "base.css"
WINDOW = {"width": 480, "height": 300}
# What the account asks for: any one of them.
TOKEN = "tea-1871"
USER, PASSWORD = "ada", "sencha"
_BASIC = "Basic YWRhOnNlbmNoYQ=="


def account(handler: Any, _: Query) -> None:
    """The page of somebody who is known by a header, credentials or a cookie; else a 401."""
    fields = handler.headers
    is_known = (
        fields.get("X-Token") == TOKEN
        or fields.get("Authorization") == _BASIC
        or f"session={TOKEN}" in fields.get("Cookie", "")
    )
    page = (FOLDER / "account.html").read_text()
    if is_known:
        page = page.replace("class=stranger", "class=known")
    handler.send(200 if is_known else 401, page.encode())


def _file(path: Path, content_type: str) -> "Callable[[Any, Query], None]":
    return lambda handler, _: handler.send(200, path.read_bytes(), content_type)


BEHAVIOURS: "dict[str, Callable[[Any, Query], None]]" = {
    **{f"/gallery/{path.stem}": _file(path, "text/html; charset=utf-8") for path in FOLDER.glob("*.html")},
    "/gallery/account": account,
    "/gallery/base.css": _file(STYLE, "text/css"),
}
