"""Checks of `missing` against sampling intervals, and of `identity`."""

from collections.abc import Iterator

from gateway.domain.device import PointKind
from gateway.domain.duration import format_duration
from rules.lint.finding import LintFinding
from rules.lint.subject import Subject

STEADY = 3  # intervals to wait before silence is meaningful


def missing(subject: Subject) -> Iterator[LintFinding]:
    """Check `missing` against sampling intervals."""
    intervals = [every for name in subject.rule.points if (every := subject.every(name))]
    after, slowest = subject.rule.clear_after, max(intervals, default=0)
    if after and slowest and after < STEADY * slowest:
        yield subject.find(
            "missing-below-interval",
            "missing",
            write=f"missing: clear_after {format_duration(STEADY * slowest)}",
            after=format_duration(after),
            every=format_duration(slowest),
        )


def identity(subject: Subject) -> Iterator[LintFinding]:
    """Check that the texts of `identity` are a closed list."""
    for text in subject.rule.identity:
        spec = subject.spec(text.point) if text.point else None
        if spec is None or spec.kind is not PointKind.STATE or len(spec.values) > 1:
            continue
        write = f"let: {{code: {{code_of: {spec.name}, table: {spec.name}s}}}}"
        yield subject.find("identity-unbounded", "identity", write=write, name=spec.name)
