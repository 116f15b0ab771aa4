"""Which selectors can meet an element of a page, told by texts of the page."""

import pytest

from worker.blocking.selector_signs import PageTexts, joined, possible, without_signs

TEXTS = PageTexts(["ad-box wide", "main"], ["slot-7"], ["www.ads.example", "example.com"])


@pytest.mark.parametrize(
    "selector",
    [
        '[class^="ad-box"]',
        'div[class*="box wide"]',
        'div[id^="slot-"]',
        'a[href^="https://www.ads.example/?from="]',
        "a[href*='.ads.example/']",
        'a[href^="https://www.ads.example/"][target] > img',
    ],
)
def test_a_selector_is_possible_if_its_text_is_in_the_page(selector: str) -> None:
    assert list(possible([selector], TEXTS)) == [selector]
    assert without_signs([selector]) == []


@pytest.mark.parametrize(
    "selector",
    [
        '[class^="advert"]',
        'div[id="slot-8"]',
        'a[href*=".other.example/"]',
        'a[href^="https://ads2.example/"]',
    ],
)
def test_a_selector_is_not_possible_if_its_text_is_not_there(selector: str) -> None:
    assert list(possible([selector], TEXTS)) == []
    assert without_signs([selector]) == []


@pytest.mark.parametrize(
    "selector",
    [
        "AD-SLOT",
        "div[data-ad]",
        'a[href*="&maxads="]',  # no host is in it
        '[class="AD" i]',  # the page's text may be in other letters
        r'[class="a\\62 c"]',  # nor does it look like this in the page
        "[href]",
        "ins.banner[id]",
        ':not([class="ad-box"])',
    ],
)
def test_of_others_only_the_page_knows(selector: str) -> None:
    assert without_signs([selector]) == [selector]
    assert list(possible([selector], TEXTS)) == []


def test_selectors_for_one_attribute_are_compared_together() -> None:
    selectors = ["AD-SLOT", "[data-ad]", "div[data-ad=x]", "[data-ad] + .next", "[title=ad]"]
    _, _, inner = joined(selectors).partition(":is(")
    assert inner == "AD-SLOT,[data-ad] + .next,[data-ad]:is([data-ad],div[data-ad=x]),[title]:is([title=ad]))"
    assert joined([]) == ""
