"""Values as they are written in code: JSON, JavaScript, Python. The code is always valid.

Characters that cannot be seen, or that turn the direction of a line, are written as escapes: what a person
reads is what will be sent.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

INDENT: Final = "  "
# Controls, the soft hyphen, marks of direction and of joining, the byte order mark, halves of pairs.
_UNSEEN: Final = r"\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
_HIDDEN: Final = re.compile(f"[{_UNSEEN}]")
# In shells a quote would end the text, and `!` calls up an earlier command where bash is used by hand.
_HIDDEN_OR_OF_SHELLS: Final = re.compile(f"['!{_UNSEEN}]")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
# Shorter objects and lists stay on their line.
_LINE_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Language:
    """How values are written.

    Attributes:
        text: writes a string.
        key: writes the name of a field of an object.
        words: for true, false and null.
    """

    text: Callable[[str], str]
    key: Callable[[str], str]
    words: tuple[str, str, str]


def json_string(text: str) -> str:
    """A JSON string; a JavaScript string too."""
    return _HIDDEN.sub(_escape, json.dumps(text, ensure_ascii=False))


def shell_json_string(text: str) -> str:
    """A JSON string that may stand between single quotes in any shell."""
    return _HIDDEN_OR_OF_SHELLS.sub(_escape, json.dumps(text, ensure_ascii=False))


def python_string(text: str) -> str:
    """A Python string, between double quotes where that is possible."""
    # Of a text with a single quote and no double one, `repr` puts double ones around it.
    quoted = repr(f"'{text}")
    return f'"{quoted[2:]}' if quoted.startswith('"') else repr(text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _script_key(name: str) -> str:
    # A literal `__proto__: …` would set the prototype instead of a field.
    if name == "__proto__":
        return '["__proto__"]'
    return name if _IDENTIFIER.fullmatch(name) else json_string(name)


JSON: Final = Language(json_string, json_string, ("true", "false", "null"))
SHELL_JSON: Final = Language(shell_json_string, shell_json_string, ("true", "false", "null"))
JAVASCRIPT: Final = Language(json_string, _script_key, ("true", "false", "null"))
PYTHON: Final = Language(python_string, python_string, ("True", "False", "None"))


def written(value: Any, language: Language, *, indent: str = "") -> str:
    """A value as code.

    Args:
        value: what JSON has: objects, lists, texts, numbers, true, false, null.
        language: which.
        indent: what the further lines begin with.
    """
    short = on_one_line(value, language)
    if len(short) <= _LINE_LENGTH or not isinstance(value, Mapping | list | tuple) or not value:
        return short
    inner = indent + INDENT
    if isinstance(value, Mapping):
        lines = [
            f"{inner}{language.key(name)}: {written(one, language, indent=inner)}"
            for name, one in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + written(one, language, indent=inner) for one in value) + f"\n{indent}]"


def on_one_line(value: Any, language: Language) -> str:
    """A value as code, however long the line becomes."""
    if isinstance(value, Mapping):
        fields = (f"{language.key(name)}: {on_one_line(one, language)}" for name, one in value.items())
        return f"{{{', '.join(fields)}}}"
    if isinstance(value, str):
        return language.text(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(on_one_line(one, language) for one in value)}]"
    if value is None or isinstance(value, bool):
        return language.words[2 if value is None else not value]
    return json.dumps(value)
