"""Conditions that are never or always true: contradictions, values no reading can have, vetoes, ends."""

from collections.abc import Iterator

from rules.expr.syntax_tree import CallNode, Name, Syntax, TextNode
from rules.lint.comparisons import alternatives, plain_text, ranges, states
from rules.lint.finding import LintFinding
from rules.lint.predicates import predicates
from rules.lint.subject import Subject
from rules.lint.value_ranges import EVERYTHING, reach

Parts = tuple[Syntax, ...]


def logic(subject: Subject) -> Iterator[LintFinding]:
    """Check each condition alone and against plausible values; `unless` against `when`."""
    for one in predicates(subject):
        found = alternatives(one.written)
        why = [impossible(subject, parts) for parts in found]
        if found and all(why):
            code = "never-true" if one.raises else "clear-never"
            yield subject.find(code, one.path, when=plain_text(one.written), why=why[0])
        elif one.raises and (name := next(filter(None, (certain(subject, parts) for parts in found)), "")):
            yield subject.find("always-true", one.path, when=plain_text(one.written), name=name)
    yield from _vetoes(subject)


def _vetoes(subject: Subject) -> Iterator[LintFinding]:
    whens: list[Parts] = []
    for _, prefix in subject.levels():
        whens += alternatives(subject.get(f"{prefix}when"))
    vetoes = alternatives(subject.get("unless"))
    if not vetoes or not whens:
        return
    text = plain_text(subject.get("unless"))
    if all(impossible(subject, parts) for parts in vetoes) or all(
        impossible(subject, (*when, *veto)) for when in whens for veto in vetoes
    ):
        yield subject.find("unless-never", "unless", unless=text)
    elif all(any(implies(subject, when, veto) for veto in vetoes) for when in whens):
        yield subject.find("unless-always", "unless", unless=text)


def impossible(subject: Subject, parts: Parts) -> str:
    """Name whose comparisons contradict each other, so that `parts` are never true together; "" = none."""
    for name, left in ranges(parts, subject.unit).items():
        if left.empty or left.meet(reach(subject, name)).empty:
            return name
    return next((name for name, left in states(parts).items() if not left), "") or _no_such_text(subject, parts)


def _no_such_text(subject: Subject, parts: Parts) -> str:
    """Point of a `contains` whose text is in none of the values of the profile."""
    for part in parts:
        match part:
            case CallNode("contains", (Name(name), TextNode(text))):
                spec = subject.spec(name)
                if spec is not None and len(spec.values) > 1 and not any(text in value for value in spec.values):
                    return name
    return ""


def certain(subject: Subject, parts: Parts) -> str:
    """Name for which every possible value makes all of `parts` true; "" = none."""
    needed = ranges(parts, subject.unit)
    if len(needed) != len(parts):
        return ""
    found = {name: reach(subject, name) for name in needed}
    always = all(found[name] != EVERYTHING and found[name].inside(left) for name, left in needed.items())
    return next(iter(needed), "") if always else ""


def implies(subject: Subject, when: Parts, veto: Parts) -> bool:
    """True if `veto` is certainly true wherever `when` is, judged by ranges and texts only."""
    known, needed = ranges(when, subject.unit), ranges(veto, subject.unit)
    texts, wanted = states(when), states(veto)
    if len(needed) + len(wanted) != len(veto):
        return all(part in when for part in veto)  # it has other conditions too
    return all(name in known and known[name].inside(left) for name, left in needed.items()) and all(
        name in texts and texts[name] <= left for name, left in wanted.items()
    )
