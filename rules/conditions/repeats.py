"""What forms share that count how often something was so: `streak` and `votes`."""

from collections.abc import Iterator
from typing import Any

from gateway.domain.device import PointKind
from rules.compiled import Expression, SlotKind
from rules.compiled.reads import OF_SIGNALS, points_of
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.lint.finding import LintFinding
from rules.lint.on_change import points_on_change
from rules.lint.subject import Subject
from rules.sentence.condition_phrases import ConditionPhrases

_FIXED = frozenset({SlotKind.ATTR, SlotKind.ATTR_TEXT, SlotKind.ATTR_PART, SlotKind.TAG, SlotKind.CODE})


def check_order(fields: MappingReader, of: Expression, compiler: RuleCompiler) -> None:
    """Note a problem unless `of` is about readings, or about windows that close together: else nobody could say what
    comes after what."""
    if compiler.scope is None:
        return
    types = {name: kind.closes for name, kind in compiler.scope.signals.items()}
    windows = {slot.name: types.get(slot.name) for slot in of.slots if slot.kind in OF_SIGNALS}
    closed = {name: window for name, window in windows.items() if window is not None}
    rows = [slot.name for slot in of.slots if slot.kind not in _FIXED and slot.name not in closed]
    if closed and rows:
        fields.wrong("of", "rules.streak.mixed", point=rows[0], signal=min(closed))
    different = {closed[name]: name for name in sorted(closed)}
    if len(different) > 1:
        first, second, *_ = different.values()
        fields.wrong("of", "rules.streak.calendars", first=first, second=second)


def no_longer(conditions: ConditionPhrases, what: Any, _level: str) -> str:
    """Why it ended: what was counted is not so."""
    return conditions.clause(what["of"], yes=False)


def counted(written: Any) -> Iterator[tuple[str, Any]]:
    """What is counted, and where it stands."""
    if isinstance(written, dict) and "of" in written:
        yield ".of", written["of"]


def never_repeated(subject: Subject, of: Expression, form: str) -> Iterator[LintFinding]:
    """A state that comes on change only never comes twice with the same text."""
    if {slot.name for slot in of.slots} & {signal.name for signal in subject.rule.signals}:
        return
    points = [one for one in points_on_change(subject, points_of(of)) if one.kind is PointKind.STATE]
    if points:
        names = ", ".join(one.name for one in points)
        yield subject.find("repeats-on-change", form, form=form, points=names, write="hold: 5m")
