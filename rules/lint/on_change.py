"""Points sent on change only: without a promised interval, silence and repetition have no meaning."""

from collections.abc import Iterator

from gateway.domain.device import PointKind, PointSpec
from rules.compiled import Baseline, Calendar, MemberStat, Share, Signal, Times
from rules.compiled.reads import signal_points
from rules.lint.finding import LintFinding
from rules.lint.subject import Subject

EVERY = "every: 1m"


def on_change(subject: Subject) -> Iterator[LintFinding]:
    """Check signals and `missing` that need an interval, for points without a promised one."""
    yield from _missing(subject)
    for signal in subject.rule.signals:
        yield from _coverage(subject, signal)


def points_on_change(subject: Subject, names: Iterator[str] | set[str]) -> list[PointSpec]:
    """Points without a promised interval; none when one of the others has one, or the rule is an example."""
    if subject.stand_alone:
        return []
    found = [spec for name in sorted(names) if (spec := subject.spec(name)) is not None]
    return found if found and not any(spec.every for spec in found) else []


def _missing(subject: Subject) -> Iterator[LintFinding]:
    points = points_on_change(subject, set(subject.rule.points)) if subject.rule.clear_after else []
    if points:
        names = ", ".join(one.name for one in points)
        yield subject.find("missing-on-change", "missing", points=names, write="missing: keep")


def _coverage(subject: Subject, signal: Signal) -> Iterator[LintFinding]:
    """Check window coverage: it is known only for states, which hold, and for points with an interval."""
    window = getattr(signal, "window", None)
    if window is None or isinstance(signal, Share | Times | MemberStat | Baseline):
        return
    points = [one for one in points_on_change(subject, signal_points(signal)) if one.kind is not PointKind.STATE]
    if points and not isinstance(window, Calendar):
        yield subject.find(
            "coverage-unknown", f"let.{signal.name}", name=signal.name, points=points[0].name, write=EVERY
        )
