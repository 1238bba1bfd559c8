"""Points that are told on change only: no interval is promised, so silence and repetition mean nothing."""

from collections.abc import Iterator

from gateway.domain.device import PointKind, PointSpec
from rules.compiled import Baseline, Calendar, MemberStat, Share, Signal, Silence, Streak, Times, Votes
from rules.compiled.reads import points_of, signal_points
from rules.lint.finding import LintFinding
from rules.lint.subject import Around, Subject

EVERY = "every: 1m"


def on_change(subject: Subject, around: Around) -> Iterator[LintFinding]:  # noqa: ARG001 - all checks take both
    """Rules that need an interval, of points whose profile promises none."""
    if subject.alone:
        return
    yield from _silence(subject)
    yield from _repeated(subject)
    yield from _missing(subject)
    for signal in subject.rule.signals:
        yield from _coverage(subject, signal)


def _told(subject: Subject, names: Iterator[str] | set[str]) -> list[PointSpec]:
    """Those of the points that promise no interval; none when one of the others does."""
    found = [spec for name in sorted(names) if (spec := subject.spec(name)) is not None]
    return found if found and not any(spec.every for spec in found) else []


def _silence(subject: Subject) -> Iterator[LintFinding]:
    condition = subject.rule.condition
    if not isinstance(condition, Silence):
        return
    if condition.all_of:
        told = [one for name in condition.points for one in _told(subject, {name})]
    else:
        told = _told(subject, set(condition.points))
    if told:
        names = ", ".join(one.name for one in told)
        yield subject.find("silent-on-change", "silent", points=names, write=EVERY)


def _repeated(subject: Subject) -> Iterator[LintFinding]:
    """`streak` and `votes` count readings: a state told on change never comes twice with the same text."""
    condition = subject.rule.condition
    if not isinstance(condition, Streak | Votes):
        return
    read = {slot.name for slot in condition.of.slots}
    if read & {signal.name for signal in subject.rule.signals}:
        return
    told = [one for one in _told(subject, points_of(condition.of)) if one.kind is PointKind.STATE]
    if told:
        form = "streak" if isinstance(condition, Streak) else "votes"
        names = ", ".join(one.name for one in told)
        yield subject.find("repeats-on-change", form, form=form, points=names, write="hold: 5m")


def _missing(subject: Subject) -> Iterator[LintFinding]:
    told = _told(subject, set(subject.rule.points)) if subject.rule.clear_after else []
    if told:
        names = ", ".join(one.name for one in told)
        yield subject.find("missing-on-change", "missing", points=names, write="missing: keep")


def _coverage(subject: Subject, signal: Signal) -> Iterator[LintFinding]:
    """How much of a window was observed is known of states, which hold, and of points with an interval."""
    window = getattr(signal, "window", None)
    if window is None or isinstance(signal, Share | Times | MemberStat | Baseline):
        return
    told = [one for one in _told(subject, signal_points(signal)) if one.kind is not PointKind.STATE]
    if told and not isinstance(window, Calendar):
        yield subject.find("coverage-unknown", f"let.{signal.name}", name=signal.name, points=told[0].name, write=EVERY)
