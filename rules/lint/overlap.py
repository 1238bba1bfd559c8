"""Rules side by side: two that speak of the same event, parents that speak to nobody, quiets that mean nobody."""

from collections.abc import Iterator, Mapping, Sequence

from rules.compiled import Silence
from rules.lint.atoms import DOWN, UP, alternatives, atom
from rules.lint.finding import Finding
from rules.lint.fleet import Fleet
from rules.lint.subject import Around, Subject

Trigger = tuple[str, str, str]
"""(what, name, direction or text) of something that raises a rule all by itself."""


def overlaps(subjects: Sequence[Subject], around: Around) -> Iterator[Finding]:
    """Pairs of rules in force that raise on the same thing for the same reason."""
    live = [one for one in subjects if one.rule.mode == "live" and not one.alone and not one.rule.watch.group]
    by_trigger: dict[Trigger, list[Subject]] = {}
    for one in live:
        for trigger in _triggers(one):
            by_trigger.setdefault(trigger, []).append(one)
    told: set[str] = set()  # each rule once, with the first it overlaps
    for trigger, rules in by_trigger.items():
        for i, second in enumerate(rules):
            if second.rule.id in told:
                continue
            other = next(
                (one for one in rules[:i] if _meet(one, second, around.fleet) and not _tied(one, second)), None
            )
            if other is not None:
                told.add(second.rule.id)
                yield _told(other, second, trigger)


def _told(first: Subject, second: Subject, trigger: Trigger) -> Finding:
    fault, other = (one.rule.order.fault if one.rule.order else one.rule.id for one in (first, second))
    _, name, how = trigger
    write = f"inhibit: {{by: {first.rule.id}, same: [code], settle: 90s}}"
    if isinstance(first.rule.condition, tuple) and isinstance(second.rule.condition, tuple) and fault == other:
        write = "levels: {minor: {when: ..}, major: {when: ..}}"
    return second.find(
        "overlap", "", other=first.rule.id, place=f"{first.file}:{first.line}", name=f"{name} {how}".rstrip(),
        fault=fault if fault == other else f"{fault} / {other}", write=write,
    )  # fmt: skip


def _triggers(subject: Subject) -> set[Trigger]:
    """What raises the rule on its own: single comparisons, not parts of a conjunction."""
    condition = subject.rule.condition
    if isinstance(condition, Silence):
        return {("silent", name, "") for name in condition.points} if not condition.all_of else set()
    found: set[Trigger] = set()
    for _, path in subject.levels():
        keys = tuple(path.split(".")) if path else ()
        for parts in alternatives(subject.get(*keys, "when")):
            one = atom(parts[0]) if len(parts) == 1 else None
            if one is None or subject.spec(one.name) is None or one.name not in subject.rule.points:
                continue
            if one.operator in UP | DOWN:
                found.add(("value", one.name, ">" if one.operator in UP else "<"))
            found |= {("text", one.name, text) for text in one.texts}
    return found


def _meet(first: Subject, second: Subject, lists: Fleet | None) -> bool:
    """Do they watch a thing in common? Without lists: the same kinds under the same `where`, or one without any."""
    a, b = first.rule, second.rule
    kinds = set(a.watch.kinds) & set(b.watch.kinds)
    if lists is not None and (lists.numbers(a) or lists.numbers(b)):
        return not lists.numbers(a).isdisjoint(lists.numbers(b))
    return bool(kinds) and (
        a.watch.where_text == b.watch.where_text or not a.watch.where_text or not b.watch.where_text
    )


def _tied(first: Subject, second: Subject) -> bool:
    """One is merged into the other, or vetoes itself for a reason of its own."""
    for one, other in ((first.rule, second.rule), (second.rule, first.rule)):
        if one.inhibit is not None and one.inhibit.by == other.id:
            return True
    return any(one.get("unless") is not None for one in (first, second))


def parents(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Rules that are inhibited by one that never raises for all to hear."""
    rules: Mapping[str, Subject] = {one.rule.id: one for one in subjects}
    for one in subjects:
        parent = rules.get(one.rule.inhibit.by) if one.rule.inhibit is not None else None
        if parent is not None and one.rule.mode == "live" and parent.rule.mode != "live":
            yield one.find(
                "parent-not-live", "inhibit", parent=parent.rule.id, mode=parent.rule.mode, write="mode: live"
            )


def quiets(subjects: Sequence[Subject], quiet: bool) -> Iterator[Finding]:
    """Rules of class safety beside a `quiet` that reads as if it held for all."""
    if not quiet:
        return
    for one in subjects:
        if one.rule.notice is not None and one.rule.notice.klass == "safety" and not one.alone:
            yield one.find("safety-quiet", "then.notice")
