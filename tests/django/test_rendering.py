from datetime import UTC, datetime
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from windsock.django import rendering
from windsock.django.rendering import InvalidTemplate

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def names(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"params": {"day": "mon"}, "results": {"load": [1, 2], "items": 3, "a-b": None}}
    return rendering.variables(
        **{**given, "run_id": "r", "logical_date": DAY, "data_interval": (DAY, DAY), **changes}
    )


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ results.load }}", [1, 2]),
        ("{{- results.load[0] -}}", 1),
        ("{{ results['a-b'] }}", None),
        ("{{ '5' }}", "5"),
        ("{{ -1 }}", -1),
        ("{{-1}}", 1),
        ("{{ params.day }}", "mon"),
        ("{{ {'day': params.day, 'all': results.load | length} }}", {"day": "mon", "all": 2}),
    ],
)
def test_a_single_expression_gives_its_value(template: str, value: Any) -> None:
    assert rendering.render(template, names()) == value


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ ds }}/{{ params.day }}.csv", "2026-01-02/mon.csv"),
        (" {{ results.load[0] }}", " 1"),
        ("{# why #}{{ results.load[1] }}", "2"),
        ("{% for n in results.load %}{{ n }},{% endfor %}", "1,2,"),
        ("{{ params.day }}\n", "mon\n"),
        ("{{ logical_date }} {{ run_id }}", "2026-01-02T00:00:00+00:00 r"),
        ("no template", "no template"),
    ],
)
def test_everything_else_gives_text(template: str, text: str) -> None:
    assert rendering.render(template, names()) == text


def test_templates_are_found_at_any_depth() -> None:
    value = {"a": ["{{ params.day }}", {"b": "{{ ds }}"}], "n": 1}

    assert rendering.render(value, names()) == {"a": ["mon", {"b": "2026-01-02"}], "n": 1}


def test_a_step_may_be_called_like_a_method_of_a_dictionary() -> None:
    assert rendering.render("{{ results.items }}", names()) == 3


def test_rendered_text_is_not_rendered_again() -> None:
    assert rendering.render("{{ params.day }}", names(params={"day": "{{ ds }}"})) == "{{ ds }}"


def test_an_undefined_name_is_an_error_that_tells_the_template() -> None:
    with pytest.raises(UndefinedError) as caught:
        rendering.render({"x": "{{ results.load[7] }}"}, names())

    assert caught.value.__notes__ == ["in the template '{{ results.load[7] }}'"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''['__class__'] }}",
        "{{ ''|attr('__class__') }}",
        "{{ params.update({'a': 1}) }}",
        "{{ results.load.append(1) }}",
        "{{ '{0.__class__}'.format(1) }}",
    ],
)
def test_objects_behind_the_data_are_out_of_reach(template: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        rendering.render(template, names())


def test_the_value_of_an_expression_must_be_json() -> None:
    with pytest.raises(TypeError, match="JSON"):
        rendering.render("{{ results.load | map('string') }}", names())


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ ti.xcom_pull() }}", "unknown name 'ti'"),
        ("{{ conn.smtp.password }}", "unknown name 'conn'"),
        ("{{ lipsum.__globals__ }}", "'__globals__' may not be read"),
        ("{{ lipsum() }}", "unknown name 'lipsum'"),
        ("{{ results }}", "by its step's name"),
        ("{{ results[params.day] }}", "by its step's name"),
        ("{% for name in results %}{% endfor %}", "by its step's name"),
        ("{% include 'secret' %}", "not available"),
        ("{% import 'x' as y %}", "not available"),
        ("{{ ds ", "line 1"),
        ("{{ ds | nofilter }}", "nofilter"),
        ("{{ " + "(" * 2_000 + "1" + ")" * 2_000 + " }}", "too deeply"),
        ("{% for a in [] %}" * 40 + "{% endfor %}" * 40, "too deeply"),
    ],
)
def test_a_template_is_refused_before_it_runs(template: str, message: str) -> None:
    with pytest.raises(InvalidTemplate, match=message):
        rendering.read(template)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "template",
    [
        "{{ 10 ** 10 ** 10 }}",
        "a{{ 'a' * 10 ** 12 }}",
        "{% if 10 ** 10 ** 10 %}{% endif %}",
        "{% set x = 9**9**9 %}",
    ],
)
def test_reading_a_template_computes_nothing(template: str) -> None:
    rendering.read(template)


def test_what_a_template_reads_is_known() -> None:
    template = rendering.read("{{ results.a + results['b-c'].x }} {{ params.day }} {{ params.get('q') }}")

    assert template.results == {"a", "b-c"}
    assert template.params == {"day", "get"}
