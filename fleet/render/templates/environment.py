"""Jinja2's environment for templates of strangers: for the check of their syntax, and to fill them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Ours, besides Jinja2's own (worker/render/composing/filters.py).
FILTERS: Final = ("number", "currency", "percent", "date", "time", "datetime")
# It makes text without end or use.
_LEFT_OUT: Final = "lipsum"


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """No loader, no file, no import; a name that is not defined is an error; what is put in is escaped."""

    def __init__(self, filters: Mapping[str, Callable[..., Any]] | None = None) -> None:
        super().__init__(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True, cache_size=0)
        del self.globals[_LEFT_OUT]
        self.filters |= filters or dict.fromkeys(FILTERS, str)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`invoice.items` is what the data have under this name, and only then a method of the object."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)
