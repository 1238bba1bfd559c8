"""Texts of notices: a provider's template code with parameters, and the same as text, per language.

A short-message provider sends approved templates only, so a notice is code + params; the text is for channels that take
text and for the record. Rendered in a sandbox, checked once at start with sample values, so a misspelt name is a
start-up error, not a silent night.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, TemplateSyntaxError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from gateway.domain.errors import ConfigError, Problem
from gateway.domain.text import Lang

MAX_TEXT = 500
MAX_SOURCE = 1000
FILTERS = frozenset({"abs", "capitalize", "default", "d", "float", "int", "length", "lower", "round",
                     "string", "title", "trim", "truncate", "upper"})  # fmt: skip
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod,
    nodes.Concat, nodes.CondExpr, nodes.If, nodes.Keyword, nodes.Test,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """`en` and `zh` are Jinja texts, `code` the provider's template, `params` its parameters (Jinja texts too)."""

    en: str
    zh: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """Ready to send."""

    code: str
    text: str
    params: dict[str, str]


SAMPLE: dict[str, object] = {
    "no": "WO-20260101-00001", "title": "Connector over temperature", "why": "", "level": "major",
    "sentence": "Connector temperature 91.5 °C, above 85 °C for 2 minutes", "fault": "E07",
    "device": "DC120-0007", "device_name": "Bay 7", "component": 2, "group": "",
    "site": "HZ-003", "site_name": "North Station",
    "customer": "C1", "point": "gun_temp", "value": 91.5, "unit": "degC", "at": "2026-01-01 08:00", "n": 1, "count": 1,
    "note": "resolution is overdue: the target of 4 h was reached at 2026-01-01 12:00",
}  # fmt: skip
"""Values of all fields that a template may use."""
SAMPLE_ZH: dict[str, object] = {
    "title": "枪线温度过高", "site_name": "城北充电站", "device_name": "7 号桩",
    "sentence": "枪线温度 91.5 °C，高于 85 °C 已持续 2 分钟",
    "note": "解决已超时：4 小时的时限于 2026-01-01 12:00 到期",
}  # fmt: skip
"""Those that are sentences and names, in Chinese."""


class _Sandbox(SandboxedEnvironment):
    """Arithmetic takes numbers only: a text times a number could have any length."""

    intercepted_binops = frozenset({"*", "%", "//"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """From Jinja."""
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise TemplateRuntimeError(f"{operator} is for numbers")
        return super().call_binop(context, operator, left, right)


def check(environment: SandboxedEnvironment, source: str) -> None:
    """A template takes time and room in proportion to its length. Raises TemplateError for what could take more: loops,
    calls, powers, filters that repeat."""
    if len(source) > MAX_SOURCE:
        raise TemplateSyntaxError(f"longer than {MAX_SOURCE} characters", 1)
    for node in environment.parse(source).find_all(nodes.Node):
        if isinstance(node, nodes.Filter):
            if node.name not in FILTERS:
                raise TemplateSyntaxError(
                    f"unknown filter {node.name}; write one of {', '.join(sorted(FILTERS))}", node.lineno
                )
        elif not isinstance(node, ALLOWED):
            raise TemplateSyntaxError(f"{type(node).__name__} has no place in a notice", node.lineno)


class Templates:
    """All templates of the configuration, compiled. Raises ConfigError with every mistake at once."""

    def __init__(self, templates: Mapping[str, NoticeTemplate], file: str = "config") -> None:
        environment = _Sandbox(undefined=StrictUndefined, autoescape=False)
        self._codes = {name: template.code for name, template in templates.items()}
        self._texts: dict[tuple[str, str], Template] = {}
        self._params: dict[str, dict[str, Template]] = {name: {} for name in templates}
        problems = []
        for name, template in templates.items():
            sources = {"en": template.en, "zh": template.zh, **{f"params.{k}": v for k, v in template.params.items()}}
            for place, source in sources.items():
                try:
                    check(environment, source)
                    compiled = environment.from_string(source)
                    compiled.render(SAMPLE)
                except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
                    fields = {"template": name, "language": place, "error": str(error)}
                    problems.append(Problem(file, f"templates.{name}.{place}", "desk.template_error", fields))
                    continue
                if place.startswith("params."):
                    self._params[name][place.removeprefix("params.")] = compiled
                else:
                    self._texts[name, place] = compiled
        if problems:
            raise ConfigError(problems)

    def __contains__(self, name: str) -> bool:
        return name in self._codes

    def render(self, name: str, language: Lang, values: Mapping[str, object]) -> Rendered | None:
        """None when a value does not fit the template (a text where it divides): the caller records that."""
        try:
            text = self._texts[name, language].render(values)
            params = {key: template.render(values)[:MAX_TEXT] for key, template in self._params[name].items()}
        except (TemplateError, TypeError, ValueError, ArithmeticError):
            return None
        return Rendered(self._codes[name], text[:MAX_TEXT], params)
