"""All written conditions of a rule, each with its key and its purpose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.compiled import Levels
from rules.lint.forms import lint_of
from rules.lint.subject import Subject


@dataclass(frozen=True, slots=True)
class Predicate:
    """`path` is its key; `raises`: the rule needs it to raise; otherwise it ends an alarm."""

    path: str
    written: Any
    raises: bool


def predicates(subject: Subject) -> Iterator[Predicate]:
    """Conditions of `when`, `levels`, `streak`, `votes`, `sequence`, `members`, of signals, and every `clear`."""
    for _, path in subject.levels():
        keys = tuple(path.split(".")) if path else ()
        for key in ("when", "clear"):
            found = subject.get(*keys, key)
            if isinstance(found, str) or (isinstance(found, Mapping) and {"all", "any"} & found.keys()):
                yield Predicate(".".join((*keys, key)), found, key == "when")
        yield from _members(subject, (*keys, "when"))
    yield from _members(subject, ())
    if subject.get("levels") is None and not isinstance(subject.rule.condition, Levels):
        yield from _form(subject)
    lets = subject.get("let")
    for name, table in lets.items() if isinstance(lets, Mapping) else ():
        for key in ("share", "times"):
            if isinstance(table, Mapping) and isinstance(table.get(key), str):
                yield Predicate(f"let.{name}.{key}", table[key], raises=True)


def _form(subject: Subject) -> Iterator[Predicate]:
    """Conditions of the stateful forms, below the rule or below `when`."""
    if isinstance(clear := subject.get("clear"), str | Mapping):
        yield Predicate("clear", clear, raises=False)
    form = lint_of(subject)
    for above in ((), ("when",)):
        for place, found in form.conditions(subject.get(*above, form.key)):
            if isinstance(found, str):
                yield Predicate(".".join((*above, form.key)) + place, found, raises=True)


def _members(subject: Subject, above: tuple[str, ...]) -> Iterator[Predicate]:
    """`of` of the quorums below these keys, alone or in a list."""
    if isinstance(of := subject.get(*above, "members", "of"), str):
        yield Predicate(".".join((*above, "members", "of")), of, raises=True)
