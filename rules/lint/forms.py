"""What the linter needs to know of each form of condition. What the forms say: `rules/conditions`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rules.compiled import Condition
from rules.lint.finding import LintFinding
from rules.lint.subject import LintContext, Subject

C = TypeVar("C", bound=Condition)


def _none(_written: Any) -> Iterator[tuple[str, Any]]:
    return iter(())


@dataclass(frozen=True, slots=True)
class FormLint(Generic[C]):
    """`checks`: of this form alone. `conditions`: of what is written below `key` the conditions without which the rule
    never raises, each with its place below. `single`: the only one of them raises the rule, as `when` does.
    """

    key: str = ""
    checks: tuple[Callable[[Subject, C, LintContext], Iterator[LintFinding]], ...] = ()
    conditions: Callable[[Any], Iterator[tuple[str, Any]]] = _none
    single: bool = False


FORM_LINTS: dict[type[Condition], FormLint[Any]] = {}
"""By the compiled form. Filled by `rules.conditions.register`."""


def lint_of(subject: Subject) -> FormLint[Any]:
    """What is known of the form of a rule."""
    return FORM_LINTS[type(subject.rule.condition)]


def of_form(subject: Subject, around: LintContext) -> Iterator[LintFinding]:
    """The checks of its form alone."""
    for check in lint_of(subject).checks:
        yield from check(subject, subject.rule.condition, around)
