"""Checks of a rule's tests: at least one exists, and one of them expects a transition."""

from collections.abc import Iterator

from rules.lint.finding import LintFinding
from rules.lint.subject import Subject

EXAMPLE = 'test: [{say: it raises, series: {gun_temp: "80 90*20"}, expect: [{at: 2m, is: raised}]}]'


def rule_tests(subject: Subject) -> Iterator[LintFinding]:
    """Check `test`."""
    if subject.stand_alone:
        return
    if not subject.cases:
        yield subject.find("no-test", write=EXAMPLE)
    elif not any(case.data.get("expect") for case in subject.cases):
        yield subject.find("silent-tests", "test", write="expect: [{at: 2m, is: raised}]", count=len(subject.cases))
