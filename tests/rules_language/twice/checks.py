"""A check of `twice`."""

from collections.abc import Iterator

from rules.conditions.twice.condition import Twice

from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding, Severity
from rules.lint.subject import LintContext, Subject


def _hot(subject: Subject, condition: Twice, _around: LintContext) -> Iterator[LintFinding]:
    yield subject.find("twice-hot", "when.twice", severity=Severity.INFO, when=condition.of.text)


CHECKS = {Twice: ConditionChecks("twice", (_hot,))}
