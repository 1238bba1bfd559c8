"""Conditions that cannot come true: contradictions, values no reading can have, vetoes that never or always hold."""

from collections.abc import Iterator

from gateway.domain.device import PointKind
from rules.expr.syntax import Syntax
from rules.lint.atoms import Range, alternatives, plain_text, ranges, states
from rules.lint.finding import Finding
from rules.lint.subject import Around, Subject

Parts = tuple[Syntax, ...]


def logic(subject: Subject, around: Around) -> Iterator[Finding]:  # noqa: ARG001 - all checks take both
    """`when` and `unless` against themselves, each other, and what is plausible."""
    whens: list[Parts] = []
    for _, path in subject.levels():
        keys = tuple(path.split(".")) if path else ()
        found = alternatives(subject.get(*keys, "when"))
        whens += found
        place = f"{path}.when" if path else "when"
        if found and all(impossible(subject, parts) for parts in found):
            why = next(filter(None, (impossible(subject, parts) for parts in found)))
            yield subject.find("never-true", place, when=plain_text(subject.get(*keys, "when")), why=why)
    vetoes = alternatives(subject.get("unless"))
    if not vetoes or not whens:
        return
    text = plain_text(subject.get("unless"))
    if all(impossible(subject, parts) for parts in vetoes) or all(
        impossible(subject, (*when, *veto)) for when in whens for veto in vetoes
    ):
        yield subject.find("unless-never", "unless", unless=text)
    elif all(any(implies(when, veto) for veto in vetoes) for when in whens):
        yield subject.find("unless-always", "unless", unless=text)


def impossible(subject: Subject, parts: Parts) -> str:
    """Why all of `parts` can never be true together: the name whose comparisons leave nothing; "" when they can."""
    for name, left in ranges(parts).items():
        if left.empty or left.meet(_plausible(subject, name)).empty:
            return name
    return next((name for name, left in states(parts).items() if not left), "")


def _plausible(subject: Subject, name: str) -> Range:
    """What a point can be: other readings are unknown."""
    spec = None if any(signal.name == name for signal in subject.rule.signals) else subject.spec(name)
    if spec is None or spec.kind is PointKind.STATE:
        return Range()
    low, high = spec.plausible.min, spec.plausible.max
    return Range(*((float("-inf") if low is None else low), (float("inf") if high is None else high)))


def implies(when: Parts, veto: Parts) -> bool:
    """Is `veto` surely true wherever `when` is? Only what ranges and texts tell."""
    known, asked = ranges(when), ranges(veto)
    texts, wanted = states(when), states(veto)
    if len(asked) + len(wanted) != len(veto):
        return all(part in when for part in veto)  # something else is asked too
    return all(name in known and known[name].inside(left) for name, left in asked.items()) and all(
        name in texts and texts[name] <= left for name, left in wanted.items()
    )
