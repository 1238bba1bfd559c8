"""First rule of a new project: a limit above the sample value, else silence. Pure."""

import json
import math
from dataclasses import dataclass

from gateway.domain.device import PointKind, PointSpec
from gateway.domain.duration import MINUTE, format_duration
from gateway.domain.text import Lang, localize
from gateway.domain.units import parse_unit
from gateway.starter.sample import ProposedPoint
from gateway.starter.yaml_and_csv_text import quoted

LIMIT = 1.25
"""Factor from the sample's value to the limit of the rule."""


@dataclass(frozen=True, slots=True)
class MappedPoint:
    """A point of the profile, its place in the message, and the value there."""

    spec: PointSpec
    guess: ProposedPoint
    unit: str


@dataclass(frozen=True, slots=True)
class RuleLimit:
    """The rule: `point` above `limit` raises; `normal` and `high` are values below and above it."""

    point: MappedPoint
    normal: float
    limit: float
    high: float


def as_sent(canonical: float | None, unit: str) -> float | None:
    """A bound in the unit used by devices."""
    if canonical is None:
        return None
    parsed = parse_unit(unit)
    return (canonical - parsed.offset) / parsed.factor


def limit_of(points: list[MappedPoint]) -> RuleLimit | None:
    """Limit on the first momentary number with a unit, else on the first number; a temperature is preferred."""
    numbers = [p for p in points if p.spec.kind is PointKind.GAUGE and p.spec.name not in ("lat", "lon")]
    for point in sorted(numbers, key=lambda p: ("temp" not in p.spec.name, not p.unit)):
        value = float(point.guess.value) if not isinstance(point.guess.value, str) else 0.0
        limit, high = rounded_up(max(value, 1.0) * LIMIT), rounded_up(max(value, 1.0) * LIMIT * LIMIT)
        most = as_sent(point.spec.plausible.max, point.unit)
        if value < limit < high and (most is None or high < most):
            return RuleLimit(point, value, limit, high)
    return None


def rule(kind: str, lang: Lang, points: list[MappedPoint], limit: RuleLimit | None) -> str:
    """Text of `rules/first.yaml`, with its test."""
    head = ["# " + localize("init.note.rule", lang), "format: 1", "rules:"]
    if limit is None:
        watched, value = points[0].spec.name, points[0].guess.value
        step, longer = _silence(points[0].spec.every)
        seen = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else _state(value)
        return "\n".join(
            [
                *head,
                "- id: first.silent",
                f"  title: {_titles('init.title.silent')}",
                f"  why: {quoted(localize('init.why', lang))}",
                f"  watch: {{kind: {kind}{_each(points[0])}}}",
                f"  silent: {{any_of: [{watched}], longer_than: {format_duration(longer)}}}",
                "  then: {order: {type: repair, fault: silent, level: major}}",
                "  test:",
                f"  - say: {quoted(localize('init.test_silent', lang))}",
                f"    every: {format_duration(step)}",
                f"    series: {{{watched}: {json.dumps(f'{seen}*3', ensure_ascii=False)}}}",
                f"    until: {format_duration(2 * longer)}",
                f"    expect: [{{at: {format_duration(2 * step + longer)}, is: raised}}]",
                "",
            ]
        )
    name, unit = limit.point.spec.name, limit.point.unit
    back = rounded_up((limit.normal + limit.limit) / 2)
    return "\n".join(
        [
            *head,
            f"- id: first.{name.replace('_', '-')}-high",
            f"  title: {_titles('init.title.high', point=name)}",
            f"  why: {quoted(localize('init.why', lang))}",
            f"  watch: {{kind: {kind}{_each(limit.point)}}}",
            f'  when: "{name} > {limit.limit:g}{after(unit)}"',
            f'  clear: "{name} < {back:g}{after(unit)}"',
            f"  then: {{order: {{type: repair, fault: {name}, level: major}}}}",
            "  test:",
            f"  - say: {quoted(localize('init.test', lang))}",
            "    every: 10s",
            f'    series: {{{name}: "{limit.normal:g}*3 {limit.high:g}*3 {limit.normal:g}*3"}}',
            "    until: 2m",
            "    expect:",
            "    - {at: 30s, is: raised}",
            "    - {at: 1m, is: cleared}",
            "",
        ]
    )


def _silence(every: int) -> tuple[int, int]:
    """(between two readings of the test, silence that is one): ten minutes, or 3 x `every` where that is longer."""
    return (MINUTE, 10 * MINUTE) if 3 * every <= 10 * MINUTE else (every, 3 * every)


def _each(point: MappedPoint) -> str:
    return ", each: connector" if point.spec.each else ""


def _state(value: object) -> str:
    text = "off" if isinstance(value, bool) else str(value).replace("'", "")
    return f"'{text}'"


def _titles(key: str, **fields: object) -> str:
    return f"{{en: {quoted(localize(key, 'en', **fields))}, zh: {quoted(localize(key, 'zh', **fields))}}}"


def after(unit: str) -> str:
    return f" {unit}" if unit else ""


def rounded_up(value: float) -> float:
    """Two significant digits, rounded up."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / step, 6)) * step:g}")
