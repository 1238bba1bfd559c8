"""Checks shared by the conditions that count readings or windows: `streak` and `votes`."""

from collections.abc import Iterator
from typing import Any

from gateway.domain.device import PointKind
from rules.compiled import Expression
from rules.compiled.reads import points_of
from rules.lint.finding import LintFinding
from rules.lint.on_change import points_on_change
from rules.lint.subject import Subject


def counted(written: Any) -> Iterator[tuple[str, Any]]:
    """Place below the key and condition that is counted."""
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
