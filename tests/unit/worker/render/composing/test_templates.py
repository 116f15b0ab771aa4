"""What becomes of a template and its data, in a process of its own."""

from dataclasses import replace
from typing import Any

import psutil
import pytest

from fleet.confined.limits import Limits
from fleet.errors import ErrorType, RenderError
from tests.kit.processes import command_line
from tests.kit.stages.browser_stage import request_for
from worker.render.composing.composed import LIMITS, composed


async def filled(
    template: str, data: dict[str, Any] | None = None, limits: Limits = LIMITS, **options: Any
) -> str:
    request = request_for(template=template, **({"data": data} if data else {}), **options)
    return await composed(request, limits=limits)


async def fault(template: str, data: dict[str, Any] | None = None, limits: Limits = LIMITS) -> str:
    """What the job's owner is told."""
    with pytest.raises(RenderError) as caught:
        await filled(template, data, limits)
    assert caught.value.type is ErrorType.INVALID_REQUEST
    return caught.value.detail


async def test_a_template_is_filled() -> None:
    template = "<ul>{% for one in items %}<li>{{ loop.index }}. {{ one.name }}{% endfor %}</ul>\n"
    data = {"items": [{"name": "Tea"}, {"name": "<b>Cups & plates</b>"}]}
    assert await filled(template, data) == (
        "<ul><li>1. Tea<li>2. &lt;b&gt;Cups &amp; plates&lt;/b&gt;</ul>\n"
    )
    assert await filled("{{ x | safe }}", {"x": "<b>"}) == "<b>"
    assert await filled("no data") == "no data"


async def test_a_name_of_the_data_counts_more_than_a_method() -> None:
    data = {"invoice": {"items": ["a", "b"], "keys": 3}}
    assert await filled("{{ invoice.items | join('+') }} {{ invoice.keys }}", data) == "a+b 3"
    assert await filled("{% for k, v in x.items() %}{{ k }}={{ v }}{% endfor %}", {"x": {"a": 1}}) == "a=1"


@pytest.mark.parametrize(
    ("template", "data", "said"),
    [
        (
            "<p>\n {{ custommer.name }}",
            {},
            "line 2, column 5: `custommer` is not defined: it is not in `data`",
        ),
        ("{{ a.nmae }}", {"a": {}}, "line 1, column 6: `nmae` is not defined: it is not in `data`"),
        ("\n\n{{ ''.__class__ }}", {}, "line 3, column 7: `__class__` may not be used in a template"),
        (
            "{{ '{0.__class__.__mro__}'.format(1) }}",
            {},
            "line 1, column 8: `__class__` may not be used in a template",
        ),
        ("{{ x.append(1) }}", {"x": []}, "line 1, column 6: `append` may not be used in a template"),
        ("{{ range(10**9) }}", {}, "line 1, column 1: a number or range is too large"),
        ("{% macro a() %}{{ a() }}{% endmacro %}\n{{ a() }}", {}, "line 1, column 1: it calls itself"),
        ("{{ 1 // x }}", {"x": 0}, "line 1, column 1: it divides by zero"),
        (
            "{{ 1 + x }}",
            {"x": "secret"},
            "line 1, column 1: unsupported operand type(s) for +: 'int' and 'str'",
        ),
        (
            "{{ 5 | currency(x) }}",
            {"x": "secret"},
            "line 1, column 1: `currency` needs the code of a currency",
        ),
        ("{{ 5 | currency('ZZZ') }}", {}, "line 1, column 1: `currency` has a code that is no currency"),
        ("{{ x | date }}", {"x": "secret"}, "line 1, column 1: `date` needs a date or time as text"),
        ("{{ x | number }}", {"x": "secret"}, "line 1, column 1: `number` needs a number"),
        ("{{ 1 | number(2, 'xx') }}", {}, "line 1, column 1: `locale` is no language"),
        ("{{ '2026-11-29' | date('secret') }}", {}, "line 1, column 1: the format is one of short, medium"),
        ("{{ 5 | round(method=x) }}", {"x": "secret"}, "line 1, column 1: a value does not fit"),
        (
            "{{ x[y] }}",
            {"x": {}, "y": "secret"},
            "line 1, column 1: a name that comes from the data is not defined",
        ),
        ("{% for i in range(60000) %}{{ 'a' * 200 }}{% endfor %}", {}, "it made more than 8,388,608 bytes"),
        ("{{ 'a' * 10**9 }}", {}, "it needed more than 256 MiB of memory"),
        ("{{ '%01000000000d' % 1 }}", {}, "it needed more than 256 MiB of memory"),
        (
            "{% set x = namespace(l=[0]) %}{% for i in range(99) %}{% set x.l = x.l + x.l %}{% endfor %}",
            {},
            "it needed",
        ),
    ],
)
async def test_what_goes_wrong_is_said_without_the_data(
    template: str, data: dict[str, Any], said: str
) -> None:
    found = await fault(template, data)
    assert found.startswith(f"template: {said}")
    assert "secret" not in found


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 10 ** (10 ** 9) }}",
    ],
)
async def test_a_template_without_end_is_ended(template: str) -> None:
    assert await fault(template, limits=replace(LIMITS, cpu_s=1)) == "template: it used more than 1 s of CPU"
    helpers = [
        one
        for one in psutil.Process().children()
        if any("template_program" in word for word in command_line(one))
    ]
    assert [helper.children() for helper in helpers] == [[]]


async def test_nothing_of_one_template_is_left_for_the_next() -> None:
    await filled("{% set x = 1 %}{{ x }}{{ y.update({'a': 1}) if false }}", {"y": {}})
    assert await fault("{{ x }}") == "template: line 1, column 4: `x` is not defined: it is not in `data`"
