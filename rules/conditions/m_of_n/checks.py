"""`votes`: checks for the linter."""

from collections.abc import Iterator

from rules.conditions.counting_checks import counted, never_repeated
from rules.conditions.m_of_n.condition import Votes
from rules.lint.condition_checks import ConditionChecks
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject


def _on_change(subject: Subject, condition: Votes, _context: LintContext) -> Iterator[LintFinding]:
    return never_repeated(subject, condition.of, "votes")


CHECKS = {Votes: ConditionChecks("votes", (_on_change,), counted, single=True)}
