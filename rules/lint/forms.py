"""Checks for each form of condition. The forms are in `rules/conditions`."""

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
class FormLint(Generic[C]):
    """`checks`: for this form alone. `conditions`: the necessary conditions in the value of `key`, each with its place
    below it. `single`: a single condition raises the rule, as with `when`."""

    key: str = ""
    checks: tuple[Callable[[Subject, C, LintContext], Iterator[LintFinding]], ...] = ()
    conditions: Callable[[Any], Iterator[tuple[str, Any]]] = _none
    single: bool = False


FORM_LINTS: Registered[type[Condition], FormLint[Any]] = Registered("checks", "CHECKS")
"""By the class of the compiled condition."""


def lint_of(subject: Subject) -> FormLint[Any]:
    """Entry for the form of a rule."""
    return FORM_LINTS[type(subject.rule.condition)]


def of_form(subject: Subject, around: LintContext) -> Iterator[LintFinding]:
    """Run the checks of its form."""
    for check in lint_of(subject).checks:
        yield from check(subject, subject.rule.condition, around)
