"""Checks the syntax of a template without filling it, and says where it is wrong: line and column."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer, newline_re

from fleet.render.templates.environment import TemplateEnvironment

_OF_FILES: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
# They are read while the caller waits, and take 10 us each. An invoice has some hundred.
MAX_WORDS: Final = 5_000
_TOO_DEEP: Final = "it is nested too deeply"


class TemplateFaultError(ValueError):
    """A template is wrong. The message begins with the place, such as `line 3, column 5`."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")


class _PlacedLexer(Lexer):
    """A lexer that knows where in the text its last token begins: Jinja2 itself knows only the line."""

    text = ""
    position = 0
    words = 0

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        self.text = "\n".join(newline_re.split(source)[::2])
        end = 0
        for line, token, value in super().tokeniter(source, name, filename, state):
            self.words += 1
            if self.words > MAX_WORDS:
                reason = f"its tags have more than {MAX_WORDS:,} words and signs"
                raise TemplateSyntaxError(reason, line)
            found = self.text.find(value, end)
            if found >= 0:
                self.position, end = found, found + len(value)
            yield line, token, value
            self.position = end  # if the lexer fails now, it is on what follows

    def column(self, line: int) -> int:
        """The column of the last token, or, if that is on another line, where this line begins."""
        start = self.text.rfind("\n", 0, self.position) + 1
        if self.text.count("\n", 0, self.position) + 1 == line:
            return self.position - start + 1
        return column_of_tag(self.text, line)


class _CheckingEnvironment(TemplateEnvironment):
    def __init__(self) -> None:
        super().__init__()
        self.placed = _PlacedLexer(self)

    @property
    def lexer(self) -> Lexer:
        return self.placed


def check(template: str, *, has_files: bool = False) -> int:
    """Do nothing if a template can be filled, as far as its text shows.

    Args:
        template: the text.
        has_files: whether it lies among others, which it may include.

    Returns:
        How many words and signs its tags have, and the pieces of text between them: what the check costs.

    Raises:
        TemplateFaultError: it cannot.
    """
    environment = _CheckingEnvironment()
    try:
        parsed = environment.parse(template)
        _check_names(parsed, environment, template, has_files=has_files)
        return environment.placed.words
    except TemplateSyntaxError as error:
        column = environment.placed.column(error.lineno)
        raise TemplateFaultError(error.lineno, column, error.message or "it cannot be read") from None
    except RecursionError:
        raise TemplateFaultError(1, 1, _TOO_DEEP) from None
    except (TemplateError, ValueError) as error:
        if isinstance(error, TemplateFaultError):
            raise
        # Python's own, such as for a number of 10,000 digits.
        placed = environment.placed
        line = placed.text.count("\n", 0, placed.position) + 1
        raise TemplateFaultError(line, placed.column(line), "it cannot be read") from None


def _check_names(
    parsed: nodes.Template, environment: TemplateEnvironment, text: str, *, has_files: bool
) -> None:
    """Refuse filters and tests that do not exist, and other templates where there are none."""
    for node in parsed.find_all((nodes.Filter, nodes.Test, *_OF_FILES)):
        if isinstance(node, nodes.Filter | nodes.Test):
            kind = "filter" if isinstance(node, nodes.Filter) else "test"
            known = environment.filters if kind == "filter" else environment.tests
            if node.name not in known:
                close = get_close_matches(node.name, known, n=1)
                hint = f"; did you mean `{close[0]}`?" if close else ""
                column = column_of(text, node.lineno, node.name)
                raise TemplateFaultError(node.lineno, column, f"there is no {kind} `{node.name}`{hint}")
        elif not has_files:
            column = column_of_tag(text, node.lineno)
            reason = "there are no other templates: send them together as `files`"
            raise TemplateFaultError(node.lineno, column, reason)


def column_of_tag(text: str, line: int) -> int:
    """The column of the first tag in a line; of its first character if it has none."""
    words = _line(text, line)
    found = [place for mark in ("{{", "{%") if (place := words.find(mark)) >= 0]
    return min(found, default=len(words) - len(words.lstrip())) + 1


def column_of(text: str, line: int, name: str) -> int:
    """The column of a name in a line; that of the first tag if the line does not have it."""
    place = _line(text, line).find(name)
    return place + 1 if place >= 0 else column_of_tag(text, line)


def _line(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else ""
