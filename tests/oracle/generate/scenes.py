"""What is generated: every kind of rule with every way of its readings, from a seed."""

from collections.abc import Callable
from fnmatch import fnmatch
from random import Random

from oracle.generate import conditions, counters, groups, nested, peers, plans, readings, windows
from oracle.reference.expressions import points_in, signals_in
from oracle.scene import Expr, RuleDef, SceneDef

RULES: dict[str, Callable[[Random], RuleDef]] = {
    "threshold": conditions.threshold, "logic": conditions.logic, "levels": conditions.levels,
    "missing": conditions.missing, "unless": conditions.unless, "silent": conditions.silent,
    "streak": conditions.streak,
    "sliding": windows.sliding, "share": windows.share, "swing": windows.swing, "times": windows.times,
    "spreads": windows.spreads, "usual": windows.usual, "paired": windows.paired,
    "age": windows.age, "calendar": windows.calendar, "increase": counters.increase, "falling": counters.falling,
    "beside": counters.beside,
    "quorum": groups.quorum, "components": groups.components, "aggregate": groups.aggregate, "peers": peers.beside,
    "due": plans.due, "every": plans.every, "due_again": plans.due_again, "every_or_after": plans.every_or_after,
    "nested": nested.nested,
    "votes": conditions.votes, "cleared_runs": conditions.cleared_runs, "sequence": conditions.sequence,
}  # fmt: skip
MODES = ("plain", "lateness", "ahead", "buffered", "late", "replaced", "down")
EXCLUDED: dict[str, str] = {}
"""Kinds that are not run, and why; printed with every result."""


def kinds(*, excluded: bool = False) -> tuple[str, ...]:
    """`rule/mode`: those that are run, or all of them."""
    found = (f"{rule}/{mode}" for rule in RULES for mode in MODES)
    return tuple(one for one in found if excluded or not any(fnmatch(one, pattern) for pattern in EXCLUDED))


KINDS = kinds()
DEVICES = 16
"""Devices that share a rule and a journal; each is a case."""


def generate(kind: str, seed: int, devices: int = DEVICES) -> SceneDef:
    """The scene of a kind and a seed."""
    name, mode = kind.split("/")
    rng = Random(f"{kind} {seed}")
    rule = RULES[name](rng)
    devices = min(devices, rng.choice((2, 3, 4, 5, 6, 8))) if rule.group else devices
    return readings.scene(rng, name, mode, rule, used_points(rng, rule), devices)


def used_points(rng: Random, rule: RuleDef) -> list[str]:
    """The points that are sent: those of the rule, and sometimes one that it does not ask for."""
    nodes: list[Expr | None] = [rule.clear, rule.unless]
    nodes += [node for one in rule.levels for node in (one.when, one.clear)]
    nodes += [node for node in rule.keys.values() if isinstance(node, tuple) and node and isinstance(node[0], str)]
    found: set[str] = {*rule.keys.get("points", ()), *([rule.keys["counter"]] if "counter" in rule.keys else ())}
    for node in nodes:
        if node is not None and node != tuple(rule.keys.get("points", ())):
            found |= points_in(node)
            for name in signals_in(node):
                found |= _points_of(rule, name)
    others = sorted(set(rule.points) - found)
    if others and (not found or rng.random() < 0.25):
        found.add(rng.choice(others))
    return sorted(found)


def _points_of(rule: RuleDef, name: str) -> set[str]:
    """The points that a signal and those that it is made of read."""
    of = rule.let[name].of
    if not isinstance(of, tuple):
        return {of}
    return points_in(of).union(*(_points_of(rule, inner) for inner in signals_in(of)))
