"""Checks for each condition, registered by the folders of `rules/conditions`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rules.compiled import Condition
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject
from rules.registered import Registered

C = TypeVar("C", bound=Condition)


def _none(_written: Any) -> Iterator[tuple[str, Any]]:
    return iter(())


@dataclass(frozen=True, slots=True)
class ConditionChecks(Generic[C]):
    """`checks`: for this condition alone. `conditions`: the necessary conditions in the value of `key`, each with its
    place below it. `single`: a single condition raises the rule, as with `when`."""

    key: str = ""
    checks: tuple[Callable[[Subject, C, LintContext], Iterator[LintFinding]], ...] = ()
    conditions: Callable[[Any], Iterator[tuple[str, Any]]] = _none
    single: bool = False


CONDITION_CHECKS: Registered[type[Condition], ConditionChecks[Any]] = Registered("checks", "CHECKS")
"""By the class of the compiled condition."""


def checks_of(subject: Subject) -> ConditionChecks[Any]:
    """Checks of the rule's condition."""
    return CONDITION_CHECKS[type(subject.rule.condition)]


def of_condition(subject: Subject, context: LintContext) -> Iterator[LintFinding]:
    """Run the checks of the rule's condition."""
    for check in checks_of(subject).checks:
        yield from check(subject, subject.rule.condition, context)
