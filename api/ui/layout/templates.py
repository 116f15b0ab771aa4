"""The templates: Jinja2, which escapes everything and knows no undefined names.

They lie beside the module that shows them; their names begin at `api/ui`, as in `pages/fleet/fleet.html`.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.ui.files.files import address_of
from api.ui.layout import words

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = Path(__file__).parents[1]


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - with a page 5 MB

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    environment.filters.update(
        duration=words.as_duration,
        milliseconds=words.as_milliseconds,
        age=words.as_age,
        moment=words.as_moment,
        machine_time=words.as_machine_time,
        size=words.as_size,
        count=words.as_count,
    )
    environment.globals["file"] = address_of
    return environment


def render(template: str, **values: Any) -> str:
    """The text of a template with these values.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not among them.
    """
    return _environment().get_template(template).render(values)
