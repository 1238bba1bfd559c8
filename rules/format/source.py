"""The rule as the journal keeps it: compile it again, edit it, tell what an edit means."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gateway.domain.device import PointSpec
from gateway.domain.errors import ConfigError
from rules.compiled import Rule, Vocabulary
from rules.format.meaning import Edit, compare
from rules.format.rule import Built, Defaults, build_rule
from rules.format.tree import Notes, Table, from_plain


@dataclass(frozen=True, slots=True)
class _Source:
    rule: dict[str, Any]
    points: dict[str, dict[str, PointSpec]]
    format: int = 1


_decoder = msgspec.json.Decoder(_Source)


def compile_source(source: bytes) -> Rule:
    """The rule of a RuleSet fact: the same rule, revision included, that was loaded from the file.

    Raises ValueError when the bytes are damaged or of a format this build does not know.
    """
    return replace(_built(source).rule, source=source)


def edit_between(old: Rule, new: Rule) -> Edit:
    """What replacing `old` by `new` does to the state of the rule. Raises ValueError as `compile_source`."""
    return compare(_built(old.source).meaning, _built(new.source).meaning)


def edit(rule: Rule, patch: Mapping[str, object], vocabulary: Vocabulary, file: str, path: str, line: int = 0) -> Rule:
    """`rule` with `patch` merged in by key (a null removes a key), compiled again against `vocabulary`.

    Raises ConfigError; `file`, `path` and `line` are where the patch was written.
    """
    body = _merge(_decode(rule.source).rule, patch)
    notes = Notes(file)
    built = _build(body, notes, vocabulary)
    if built is None or notes.problems:
        moved = [replace(p, path=f"{path}{p.path.removeprefix('rule')}", line=line) for p in notes.problems]
        raise ConfigError(moved)
    return built.rule


def _merge(old: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    out = dict(old)
    for key, value in patch.items():
        before = out.get(key)
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            out[key] = _merge(before, value)
        else:
            out[key] = value
    return out


def _decode(source: bytes) -> _Source:
    try:
        found = _decoder.decode(source)
    except msgspec.MsgspecError as error:
        raise ValueError(f"damaged rule source: {error}") from error
    if found.format != 1:
        raise ValueError(f"rule source of format {found.format}; this build knows 1")
    return found


def _build(body: Mapping[str, object], notes: Notes, vocabulary: Vocabulary) -> Built | None:
    tree = from_plain(body)
    return build_rule(tree, "rule", notes, vocabulary, Defaults()) if isinstance(tree, Table) else None


def _built(source: bytes) -> Built:
    found = _decode(source)
    notes = Notes("journal")
    built = _build(found.rule, notes, found.points)
    if built is None or notes.problems:
        raise ValueError("rule source does not compile: " + "; ".join(p.render() for p in notes.problems))
    return built
