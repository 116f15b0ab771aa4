"""Scripts that mark an area of a page: an invisible box around all elements that some selectors match."""

import json
from collections.abc import Sequence
from typing import Final

AREA_SELECTOR: Final = "#renderfleet-area"

_SCRIPT: Final = """(() => {
  const every = %(every)s, first = %(first)s;
  const tests = [%(tests)s];
  const all = [...document.querySelectorAll("*")];
  const found = [
    ...every.flatMap((selector) => [...document.querySelectorAll(selector)]),
    ...first.map((selector) => document.querySelector(selector)),
    ...tests.flatMap(([isEvery, test]) => (isEvery ? all.filter(test) : [all.find(test)])),
  ];
  const missing = found.some((element) => !element);
  const boxes = found.filter(Boolean).map((element) => element.getBoundingClientRect());
  if (missing || !boxes.length) throw new Error("a selector of the area matches nothing");
  const left = Math.min(...boxes.map((box) => box.left)) + scrollX;
  const top = Math.min(...boxes.map((box) => box.top)) + scrollY;
  const right = Math.max(...boxes.map((box) => box.right)) + scrollX;
  const bottom = Math.max(...boxes.map((box) => box.bottom)) + scrollY;
  const area = document.createElement("div");
  area.id = "renderfleet-area";
  area.style.cssText = `position:absolute;pointer-events:none;margin:0;left:${left}px;top:${top}px;` +
    `width:${right - left}px;height:${bottom - top}px`;
  document.documentElement.append(area);
})();"""


def area_script(
    first: Sequence[str], every: Sequence[str], js_first: Sequence[str], js_every: Sequence[str]
) -> str:
    """The script.

    Args:
        first: CSS selectors, of each of which the first match counts.
        every: CSS selectors, of which all matches count.
        js_first: expressions about `el`, of each of which the first match counts.
        js_every: expressions about `el`, of which all matches count.
    """
    tests = [
        f"[{kind}, (el) => ({code})]"
        for kind, codes in (("false", js_first), ("true", js_every))
        for code in codes
    ]
    return _SCRIPT % {
        "every": json.dumps(list(every)),
        "first": json.dumps(list(first)),
        "tests": ", ".join(tests),
    }
