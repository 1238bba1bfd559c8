"""`silent`: checks for the linter."""

import re
from collections.abc import Iterator

from gateway.domain.duration import HOUR, MINUTE, SECOND, format_duration
from gateway.domain.units import parse_unit
from rules.conditions.silence.condition import Silence
from rules.expr.expression_type import TIME
from rules.expr.syntax_tree import Number
from rules.lint.at_load import NEVER, rule_at_load, shown
from rules.lint.comparisons import parsed, walk
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.missing_and_identity import STEADY
from rules.lint.on_change import EVERY, points_on_change
from rules.lint.subject import LintContext, Subject

_LONGER = "silent.longer_than"
_QUANTITY = re.compile(r"[0-9.]+\s*[A-Za-z]+")


def _short(subject: Subject, condition: Silence, _context: LintContext) -> Iterator[LintFinding]:
    """A limit that the promised intervals pass over."""
    intervals = [every for name in condition.points if (every := subject.every(name))]
    every = (max if condition.all_of else min)(intervals, default=0)
    often, names = format_duration(every), ", ".join(condition.points)
    new, longer = format_duration(STEADY * every), condition.longer_than
    if isinstance(longer, int):
        if longer < STEADY * every:
            limit = format_duration(longer)
            yield subject.find(
                "silent-below-interval", _LONGER, write=f"longer_than: {new}", longer=limit, every=often, points=names
            )
        return
    for begin, end, span in _lengths(longer.text):
        if span < STEADY * every:
            text = f"{longer.text[:begin]}{_simple(STEADY * every)}{longer.text[end:]}"
            write = f'longer_than: "{text}"'
            limit = longer.text[begin:end]
            yield subject.find("silent-below-interval", _LONGER, write=write, longer=limit, every=often, points=names)


def _lengths(text: str) -> Iterator[tuple[int, int, int]]:
    """(begin, end, µs) of every length of time in an expression."""
    tree = parsed(text, durations=True)
    for part in () if tree is None else walk(tree):
        if not isinstance(part, Number) or not (match := _QUANTITY.match(text, part.at)):
            continue
        try:
            unit = parse_unit(part.unit)
        except ValueError:
            continue
        if unit.dimension == TIME and unit.canonical(part.value) > 0:
            yield part.at, match.end(), round(unit.canonical(part.value) * HOUR)


def _simple(span: int) -> str:
    """A length of time in one unit, as expressions have no compound ones."""
    name, size = next((one for one in (("h", HOUR), ("m", MINUTE)) if span % one[1] == 0), ("s", SECOND))
    return f"{-(-span // size)}{name}"


def _on_change(subject: Subject, condition: Silence, _context: LintContext) -> Iterator[LintFinding]:
    """Points sent on change only are silent while their value stays the same."""
    if condition.all_of:
        points = [one for name in condition.points for one in points_on_change(subject, {name})]
    else:
        points = points_on_change(subject, set(condition.points))
    if points:
        names = ", ".join(one.name for one in points)
        yield subject.find("silent-on-change", "silent", points=names, write=EVERY)


def _at_load(subject: Subject, condition: Silence, context: LintContext) -> Iterator[LintFinding]:
    """Devices without its points, and those that are silent already."""
    now = rule_at_load(subject, context)
    if now is None:
        return
    devices, newest = now.devices, now.newest
    needed, last = (all, min) if condition.all_of else (any, max)
    names = ", ".join(condition.points)
    having = {
        profile
        for profile in {device.profile for device in devices}
        if needed(any(now.inventory.fleet.spec(profile, name, k) for k in (0, 1)) for name in condition.points)
    }
    if lacking := [device for device in devices if device.profile not in having]:
        yield subject.find(
            "silent-without-point",
            "silent",
            points=names,
            count=len(lacking),
            devices=shown(lacking),
            write=f"watch: {{kind: {lacking[0].kind}, where: \"profile != '{lacking[0].profile}'\"}}",
        )
    if newest is None:
        return
    limit = condition.longer_than if isinstance(condition.longer_than, int) else None
    quiet = [
        device
        for device in devices
        if device.profile in having
        and newest.older(last(newest.at.get((device.id, name), NEVER) for name in condition.points), limit)
    ]
    if quiet:
        yield subject.find("silent-at-load", "silent", points=names, count=len(quiet), devices=shown(quiet))


CHECKS = {Silence: ConditionChecks("silent", (_short, _on_change, _at_load))}
