"""Rules from the journal: compiling and editing them, and the class of an edit."""

from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

from gateway.domain.errors import ConfigError
from rules.compiled import Names, Rule
from rules.format.rule import Defaults, build_rule
from rules.format.rule_source import decoded
from rules.format.yaml_tree import Notes, YamlMapping, from_plain


def compile_source(source: bytes) -> Rule:
    """The rule of a RuleSet fact: the same rule, revision included, that was loaded from the file.

    Raises ValueError when the bytes are damaged or of an unknown format.
    """
    rule = _alive.get(source)
    if rule is None:
        rule = _alive[source] = replace(_built(source), source=source)
    return rule


_alive: WeakValueDictionary[bytes, Rule] = WeakValueDictionary()
"""An engine that is restored, or judges the past, shares the rules of the one that lives."""


def edit(rule: Rule, patch: Mapping[str, object], names: Names, file: str, path: str, line: int = 0) -> Rule:
    """`rule` with `patch` merged in by key (a null removes a key), compiled again against `names`.

    Raises ConfigError; `file`, `path` and `line` are where the patch was written.
    """
    body = _merge(decoded(rule.source).rule, patch)
    notes = Notes(file)
    built = _build(body, notes, names)
    if built is None or notes.problems:
        moved = [replace(p, path=f"{path}{p.path.removeprefix('rule')}", line=line) for p in notes.problems]
        raise ConfigError(moved)
    return built


def _merge(old: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    out = dict(old)
    for key, value in patch.items():
        before = out.get(key)
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping):
            out[key] = _merge(before if isinstance(before, Mapping) else {}, value)
        else:
            out[key] = value
    return out


def _build(body: Mapping[str, object], notes: Notes, names: Names) -> Rule | None:
    tree = from_plain(body)
    return build_rule(tree, "rule", notes, names, Defaults()) if isinstance(tree, YamlMapping) else None


def _built(source: bytes) -> Rule:
    found = decoded(source)
    notes = Notes("journal")
    built = _build(found.rule, notes, Names(found.points, found.codes, found.fences, found.calendar))
    if built is None or notes.problems:
        raise ValueError("rule source does not compile: " + "; ".join(p.render() for p in notes.problems))
    return built
