"""All written conditions of a rule, each with its key and its purpose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.compiled import Levels
from rules.lint.condition_checks import checks_of
from rules.lint.subject import Subject


@dataclass(frozen=True, slots=True)
class Predicate:
    """`path` is its key; `raises`: the rule needs it to raise; otherwise it ends an alarm."""

    path: str
    written: Any
    raises: bool


def predicates(subject: Subject) -> Iterator[Predicate]:
    """Conditions of `when`, `levels`, `streak`, `votes`, `sequence`, `members`, of signals, and every `clear`."""
    for _, prefix in subject.levels():
        for key in ("when", "clear"):
            found = subject.get(prefix + key)
            if isinstance(found, str) or (isinstance(found, Mapping) and {"all", "any"} & found.keys()):
                yield Predicate(prefix + key, found, key == "when")
        yield from _members(subject, f"{prefix}when.members.of")
    yield from _members(subject, "members.of")
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
    form = checks_of(subject)
    for path in (form.key, f"when.{form.key}"):
        for place, found in form.conditions(subject.get(path)):
            if isinstance(found, str):
                yield Predicate(path + place, found, raises=True)


def _members(subject: Subject, path: str) -> Iterator[Predicate]:
    """`of` of a quorum."""
    if isinstance(of := subject.get(path), str):
        yield Predicate(path, of, raises=True)
