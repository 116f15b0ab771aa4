"""The rules of autoconsent for one document: those for every site, and those for its address.

The file (in_page/vendor/autoconsent-rules.json) holds 797 rules. Rules name their texts by number, so that a
selection of rules keeps the whole list of texts, with those that nobody names left empty. The format is that
of autoconsent's `lib/encoding.ts`.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from worker.render.in_page import script

Rule = list[Any]

AUTOCONSENT_VERSION: Final = "16.23.0"

# The places in a rule.
_PATTERN: Final = 3
_CONTEXT: Final = 4
_HIDDEN: Final = 5
_STEPS: Final = range(6, 10)
# Keys of a step whose value is the number of a text, and those that hold more steps.
_TEXTS: Final = frozenset({"e", "v", "c", "k", "w", "wv", "h", "cc"})
_INNER: Final = ("if", "then", "else", "any")
# Digits of a context: whether a rule holds for the main document, and for frames. 2: not said, which means
# yes for the main document and no for frames.
_NO, _YES = 0, 1
# What the rules look for that are code, in autoconsent's `lib/cmps`; the platforms that they know by a
# variable of the page are in banners.py.
_NAMES_IN_CODE: Final = (
    *("#onetrust-banner-sdk", "#onetrust-pc-sdk", "#truste-show-consent", "#truste-consent-track"),
    *("#cmpbox", "#_evidon_banner", ".klaro", ".cmp-receptacle", ".unic", "#cmp-app-container"),
)
_SELECTORS_IN_CODE: Final = ("button[class*=Pills__StyledPill]",)
_ID_IN_XPATH: Final = re.compile(r'^xpath/.*@id="([\w-]+)"')
_NAME: Final = re.compile(r"[#.][A-Za-z_][\w-]*")
# Within brackets nothing is an id or class that must be there.
_NOT_REQUIRED: Final = re.compile(r"\[[^\]]*\]|\([^()]*(\([^()]*\)[^()]*)*\)")
# An address that is longer is compared as far as this; patterns are about its beginning.
_MAX_COMPARED: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Rules:
    everywhere: list[Rule]
    here_and_there: list[tuple[re.Pattern[str], Rule]]
    texts: list[str]


def rules_for(url: str, *, is_main: bool) -> str:
    """The rules that hold for one document, as JSON for autoconsent.

    Args:
        url: the document's address.
        is_main: whether it is the page itself, not a frame in it.
    """
    rules = _all()
    compared = url[:_MAX_COMPARED]
    local = [rule for pattern, rule in rules.here_and_there if pattern.search(compared)]
    local = [rule for rule in local if _holds(rule, is_main=is_main)]
    return _selection(local, is_main=is_main) if local else _general(is_main=is_main)


@cache
def _all() -> _Rules:
    # Read when it is first asked for: most workers never need the 257 KB.
    document = json.loads(script("vendor/autoconsent-rules.json"))
    return _Rules(
        [rule for rule in document["r"] if not rule[_PATTERN]],
        [(re.compile(rule[_PATTERN]), rule) for rule in document["r"] if rule[_PATTERN]],
        document["s"],
    )


def has_own_rules(url: str) -> bool:
    """Whether there are rules for this address alone."""
    return any(pattern.search(url[:_MAX_COMPARED]) for pattern, _ in _all().here_and_there)


@cache
def signs() -> str:
    """What must be in a page for a rule for every site to find its banner, as JSON for consent_signs.js.

    Each rule begins with an element that must be there. Of its selector, one id or class is enough to say
    that the rule need not be asked; where there is none, the selector itself is looked for.
    """
    names, selectors = set(_NAMES_IN_CODE), list(_SELECTORS_IN_CODE)
    for rule in _all().everywhere:
        for selector in _first_selectors(rule[_STEPS[0]][0]):
            names.update(f"#{name}" for name in _ID_IN_XPATH.findall(selector))
            for alternative in () if selector.startswith("xpath/") else selector.split(","):
                if found := _NAME.findall(_NOT_REQUIRED.sub("", alternative)):
                    names.add(max(found, key=len))
                else:
                    selectors.append(alternative)
    return json.dumps({"names": sorted(names), "selectors": ",".join(selectors)})


def _first_selectors(step: dict[str, Any]) -> list[str]:
    texts = _all().texts
    if "any" in step:
        return [text for inner in step["any"] for text in _first_selectors(inner)]
    if "exists" in step:  # a way through shadow trees, from outside
        return [step["exists"][0]]
    return [texts[step[key]] for key in ("e", "v") if key in step]


@cache
def _general(*, is_main: bool) -> str:
    return _selection([], is_main=is_main)


def _selection(local: list[Rule], *, is_main: bool) -> str:
    rules = _all()
    chosen = [rule for rule in rules.everywhere if _holds(rule, is_main=is_main)] + local
    used = {number for rule in chosen for number in _numbers(rule)}
    texts = [text if number in used else "" for number, text in enumerate(rules.texts)]
    return json.dumps({"v": 1, "s": texts, "r": chosen}, separators=(",", ":"))


def _holds(rule: Rule, *, is_main: bool) -> bool:
    context: int = rule[_CONTEXT]
    main, frame = divmod(context, 10)
    return main != _NO if is_main else frame == _YES


def _numbers(rule: Rule) -> set[int]:
    found = set(rule[_HIDDEN])
    steps = [step for place in _STEPS for step in rule[place]]
    while steps:
        step = steps.pop()
        found |= {number for key, number in step.items() if key in _TEXTS and isinstance(number, int)}
        for key in _INNER:
            inner = step.get(key, [])
            steps += inner if isinstance(inner, list) else [inner]
    return found
