"""Shared by the conditions that count readings or windows, `streak` and `votes`: order of what is counted, words."""

from typing import Any

from rules.compiled import Expression
from rules.compiled.reads import OF_SIGNALS
from rules.expr.compile import FIXED
from rules.format.mapping_reader import MappingReader
from rules.format.rule_compiler import RuleCompiler
from rules.sentence.condition_phrases import ConditionPhrases


def check_order(fields: MappingReader, of: Expression, compiler: RuleCompiler) -> None:
    """Note a problem unless `of` reads points only, or windows that close together: else the order is unknown."""
    if compiler.scope is None:
        return
    types = {name: kind.closes for name, kind in compiler.scope.signals.items()}
    windows = {slot.name: types.get(slot.name) for slot in of.slots if slot.kind in OF_SIGNALS}
    closed = {name: window for name, window in windows.items() if window is not None}
    rows = [slot.name for slot in of.slots if slot.kind not in FIXED and slot.name not in closed]
    if closed and rows:
        fields.wrong("of", "rules.streak.mixed", point=rows[0], signal=min(closed))
    different = {closed[name]: name for name in sorted(closed)}
    if len(different) > 1:
        first, second, *_ = different.values()
        fields.wrong("of", "rules.streak.calendars", first=first, second=second)


def no_longer(conditions: ConditionPhrases, what: Any, _level: str) -> str:
    """Why it ended: the condition that is counted is false."""
    return conditions.clause(what["of"], yes=False)
