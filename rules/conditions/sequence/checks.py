"""`sequence`: checks for the linter."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.duration import HOUR, format_duration
from rules.compiled.reads import points_of
from rules.conditions.sequence.condition import Sequence
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject

_SECOND = "{not_see: \"status == 'charging'\", within: 5m}"


def _seen(written: Any) -> Iterator[tuple[str, Any]]:
    for k, step in enumerate(written if isinstance(written, list) else ()):
        if isinstance(step, Mapping) and "see" in step:
            yield f"[{k}].see", step["see"]


def _in_vain(subject: Subject, condition: Sequence, _context: LintContext) -> Iterator[LintFinding]:
    """The wait for an absent reading must be longer than its interval."""
    if not condition.absent:
        return
    intervals = subject.intervals(condition.second)
    every = max(intervals, default=0)
    if condition.within < every:
        names = ", ".join(sorted(points_of(condition.second)))
        yield subject.find(
            "wait-below-interval",
            "sequence",
            within=format_duration(condition.within),
            points=names,
            every=format_duration(every),
            write=f"within: {format_duration(_round(3 * every))}",
        )


def _round(span: int) -> int:
    return -(-span // HOUR) * HOUR if span > HOUR else span


def _no_end(subject: Subject, condition: Sequence, _context: LintContext) -> Iterator[LintFinding]:
    """Only closing the order ends it, and there is no order."""
    if condition.clear is None and subject.rule.mode == "live" and not subject.rule.order:
        yield subject.find("no-end", "sequence", write='clear: ".."')


CHECKS = {Sequence: ConditionChecks("sequence", (_in_vain, _no_end), _seen)}
