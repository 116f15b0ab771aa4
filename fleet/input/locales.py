"""Language tags (BCP 47, RFC 5646), and which of them exist: those of CLDR, as the library Babel has it."""

import re
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

# Language, script, region. Variants and extensions are not taken.
_LOCALE: Final = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE
)
_ALLOWED: Final = "language, then script and region where needed, such as de, de-DE or zh-Hant-TW"
_SCRIPT_LETTERS: Final = 4


class _Known(NamedTuple):
    """The parts of all locales that CLDR has."""

    languages: frozenset[str]
    scripts: frozenset[str]
    regions: frozenset[str]


@lru_cache(maxsize=1)
def _known() -> _Known:
    """Read the names of Babel's files: they take 20 ms once, and only if somebody gives a locale."""
    from babel.core import get_global  # noqa: PLC0415 - 3 MB
    from babel.localedata import locale_identifiers  # noqa: PLC0415

    languages, *more = zip(*(_parts(name) for name in locale_identifiers()), strict=True)
    former = {name for name in get_global("language_aliases") if name.isalpha()}  # such as iw for he
    found = {part for parts in more for part in parts}
    scripts = frozenset(part for part in found if len(part) == _SCRIPT_LETTERS)
    return _Known(frozenset({*languages, *former}), scripts, frozenset(found - scripts - {""}))


def _parts(identifier: str) -> tuple[str, str, str]:
    """`zh`, `Hant` and `TW` of zh_Hant_TW. What is missing is empty."""
    language, *rest = identifier.split("_")
    return language, *[*rest, "", ""][:2]  # type: ignore[return-value]


def normal_locale(locale: str) -> str:
    """`de-DE` for `DE-de`: equal requests have equal bytes.

    Chromium takes any text as a locale, and uses English where it does not understand it.

    Raises:
        PydanticCustomError: it is no language tag, or one of its parts does not exist.
    """
    if not (found := _LOCALE.fullmatch(locale)):
        hint = f"; did you mean `{other}`?" if _LOCALE.fullmatch(other := locale.replace("_", "-")) else ""
        raise _error(f"is no language tag (BCP 47){hint}")
    language, script, region = found.groups("")
    language, script, region = language.lower(), script.title(), region.upper()
    known = _known()
    for part, kind, names in (
        (language, "language", known.languages),
        (script, "script", known.scripts),
        (region, "region", known.regions),
    ):
        if part and part not in names:
            raise _error(f"has `{part}`, which is no {kind} that CLDR knows")
    return "-".join(part for part in (language, script, region) if part)


def _error(reason: str) -> PydanticCustomError:
    return PydanticCustomError("locale", "{reason}", {"reason": reason, "allowed": _ALLOWED})


# A locale in a request.
LocaleName = Annotated[str, AfterValidator(normal_locale)]
