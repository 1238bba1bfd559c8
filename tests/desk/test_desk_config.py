"""`desk:` of the configuration, and templates that do not render."""

import pytest
from pydantic import ValidationError

from gateway.desk import NoticeTemplate, Templates
from gateway.desk.config import DeskConfig
from gateway.desk.notice_templates import SAMPLE
from gateway.domain.duration import MINUTE
from gateway.domain.errors import ConfigError


def test_what_a_person_writes() -> None:
    config = DeskConfig.model_validate({"order_types": {"patrol": {"auto_close": True}}, "tell_after": "5m"})
    assert (config.tell_after, config.order_types["patrol"].auto_close, config.order_types["patrol"].safety) == (
        5 * MINUTE,
        True,
        False,
    )
    for wrong in ({"order_types": {"patrol": {"autoclose": True}}}, {"recheck_after": "1s"}, {"tell_after": 600}):
        with pytest.raises(ValidationError):
            DeskConfig.model_validate(wrong)


def test_every_mistake_of_the_templates_at_once() -> None:
    templates = {
        "a": NoticeTemplate("{{ device }", "{{ devise }}", "S", {"x": "{{ 1 / 0 }}"}),
        "b": NoticeTemplate("ok", "{{ ''.__class__.__mro__ }}"),
    }
    with pytest.raises(ConfigError) as error:
        Templates(templates, "templates.yaml")
    assert [problem.path for problem in error.value.problems] == [
        "templates.a.en",
        "templates.a.zh",
        "templates.a.params.x",
        "templates.b.zh",
    ]
    assert "devise" in error.value.problems[1].render("zh")


def test_a_value_that_does_not_fit_renders_to_nothing_and_long_texts_end() -> None:
    templates = Templates({"t": NoticeTemplate("{{ value * 2 }}", "{{ title }}")})
    assert templates.render("t", "en", SAMPLE | {"value": None}) is None
    long = templates.render("t", "zh", SAMPLE | {"title": "x" * 999})
    assert long is not None
    assert len(long.text) == 500


@pytest.mark.parametrize(
    "source",
    [
        "{{ title * 999999 }}",
        "{{ '%999999s' % title }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for i in range(99999) %}x{% endfor %}",
        "{{ range(99999) | list }}",
        "{{ title | center(9999999) }}",
        "{{ title.upper() }}",
        "{{ title[0] }}",
        "{% set x = title %}{{ x }}",
        "{% macro m() %}{% endmacro %}",
        "{{ title | replace('a', 'aa') }}",
        "x" * 1001,
    ],
)
def test_no_template_takes_more_time_or_room_than_its_length(source: str) -> None:
    with pytest.raises(ConfigError) as error:
        Templates({"t": NoticeTemplate(source, "ok")})
    assert [problem.path for problem in error.value.problems] == ["templates.t.en"]


def test_what_notices_need_is_there() -> None:
    source = "{% if value > 80 %}{{ (value / 2) | round(1) }} {{ unit }}{% else %}{{ why | d('-') }}{% endif %}"
    made = Templates({"t": NoticeTemplate(source, source, "", {"a": "{{ title }}"})}).render("t", "en", SAMPLE)
    assert made is not None
    assert made.text == "45.8 degC"
