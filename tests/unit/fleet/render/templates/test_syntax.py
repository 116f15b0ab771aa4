"""Where a template is wrong, and what is wrong there."""

import pytest

from fleet.render.templates.syntax import TemplateFaultError, check


@pytest.mark.parametrize(
    ("template", "place", "reason"),
    [
        ("<p>\n  {{ name }", "line 2, column 11", "unexpected '}'"),
        ("{{ a b }}", "line 1, column 6", "expected token 'end of print statement', got 'b'"),
        ("a\r\nb\r\n  {% foo %}", "line 3, column 6", "Encountered unknown tag 'foo'"),
        ("{% for one in many %}\n<p>\n", "line 1, column 1", "Unexpected end of template"),
        (
            "{{ price | curency('EUR') }}",
            "line 1, column 12",
            "there is no filter `curency`; did you mean `currency`?",
        ),
        (
            "\n{% if price is od %}{% endif %}",
            "line 2, column 16",
            "there is no test `od`; did you mean `odd`?",
        ),
        (
            "\n <i>{% include 'a.html' %}",
            "line 2, column 5",
            "there are no other templates: send them together",
        ),
        ("{% extends 'a.html' %}", "line 1, column 1", "there are no other templates"),
        ("{% import 'os' as os %}", "line 1, column 1", "there are no other templates"),
        ("x{{ " + "(" * 5000 + "1", "line 1, column 1", "it is nested too deeply"),
        ("x {{ " + "1" * 5000 + " }}", "line 1, column 6", "it cannot be read"),
        ("{{ 'text }}", "line 1, column 4", "unexpected char"),
    ],
)
def test_a_template_that_is_wrong(template: str, place: str, reason: str) -> None:
    with pytest.raises(TemplateFaultError) as caught:
        check(template)
    assert str(caught.value).startswith(f"{place}: {reason}")


@pytest.mark.parametrize(
    "template",
    [
        "no tag at all, } and { and %}",
        "{% for one in many %}{{ one.price | currency('EUR') }}{% else %}{% endfor %}",
        "{% macro row(x) %}<tr>{{ x }}{% endmacro %}{{ row(1) }}{# {{ a b }} #}",
        "{{ ''.__class__ }}{{ range(10**9) }}",  # what it does is found when it is filled
    ],
)
def test_a_template_that_can_be_read(template: str) -> None:
    check(template)


def test_among_files_a_template_may_include_others() -> None:
    check("{% include 'header.html' %}", has_files=True)
