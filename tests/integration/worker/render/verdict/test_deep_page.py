"""How much is done to judge a page whose elements lie in each other by the ten thousand.

An element of such a page has that many ancestors: whatever looks at all of them for each element never ends.
"""

import re
from typing import Any

from tests.kit.stages.browser_stage import BrowserStage
from worker.render.in_page import script

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

DEPTH = 60_000
# Deeper than Chromium can draw, so that it is hidden.
DEEP = f"""<p>Word<section hidden></section><script>
    let element = document.querySelector("section");
    for (let depth = 0; depth < {DEPTH}; depth++) {{
      const child = document.createElement("div");
      child.className = "skeleton loading captcha";
      element = element.appendChild(child);
    }}
</script>"""
# Counts what the function does to elements, in the page's own world.
COUNTED = """(() => {
    const counts = {};
    const count = (owner, name) => {
      const method = owner[name];
      owner[name] = function (...given) {
        counts[name] = (counts[name] ?? 0) + 1;
        return Reflect.apply(method, this, given);
      };
    };
    for (const name of ["checkVisibility", "getBoundingClientRect"]) count(Element.prototype, name);
    count(Range.prototype, "getBoundingClientRect");
    count(TreeWalker.prototype, "nextNode");
    count(Document.prototype, "querySelectorAll");
    const findings = (%s)();
    return {counts, letters: findings.letters, elements: document.querySelectorAll("*").length};
})()"""


async def test_a_bounded_number_of_elements_is_looked_at(shared: BrowserStage) -> None:
    async with shared.page() as page:
        await page.set_html(DEEP)
        await page.lifecycle.reach("load")
        answer = await page.send(
            "Runtime.evaluate", expression=COUNTED % script("worth.js"), returnByValue=True
        )
    found: dict[str, Any] = answer["result"]["value"]
    assert found["elements"] > DEPTH
    assert found["letters"] == len("Word")
    assert sum(found["counts"].values()) < 5_000


def test_no_selector_asks_for_ancestors_or_descendants() -> None:
    texts = re.findall(r'"([^"\n]*)"|`([^`]*)`', script("worth.js"))
    selectors = [one for pair in texts for one in pair if re.search(r"\[\w+[*~^$|]?=|, \w", one)]
    assert len(selectors) >= 6
    for selector in selectors:
        alone = re.sub(r"\[[^]]*\]", "", re.sub(r",\s+", ",", selector))
        assert not re.search(r"[\s>+~]|:has\(", alone), selector


async def test_a_deep_page_is_judged_like_others(shared: BrowserStage) -> None:
    rendered = await shared.render(html=DEEP)
    assert rendered.verdict is not None
    assert rendered.verdict.reasons == []
