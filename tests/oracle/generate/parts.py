"""Small parts of rules: points, comparisons, holds. Few values, so that boundaries are met often."""

from random import Random
from typing import Any

from oracle.scene import SECOND, Expr, PointDef

STATES = ("idle", "on", "fault")
GAUGES: dict[str, PointDef] = {
    "x": PointDef(), "y": PointDef(), "st": PointDef("state", 0, STATES),
}  # fmt: skip
HOLDS = (0, 10, 20, 30, 40, 60)
SIGNS = ("==", "!=", "<", "<=", ">", ">=")


def seconds(rng: Random, *choices: float) -> int:
    """One of these, µs."""
    return round(rng.choice(choices) * SECOND)


def number(value: float) -> Expr:
    """A literal."""
    return ("num", float(value))


def above(rng: Random, name: str = "x", low: int = 2, high: int = 4) -> tuple[Expr, int]:
    """`x >= 3`, and the limit."""
    limit = rng.randint(low, high)
    return ("cmp", rng.choice((">=", ">")), ("point", name), number(limit)), limit


def comparison(rng: Random, name: str) -> Expr:
    """Any comparison of a gauge with a number."""
    return ("cmp", rng.choice(SIGNS), ("point", name), number(rng.randint(1, 4)))


def state(rng: Random) -> Expr:
    """A test of the state."""
    kind = rng.choice(("is", "is", "isnt", "in"))
    if kind == "in":
        return ("in", "st", tuple(rng.sample(STATES, 2)))
    return (kind, "st", rng.choice(STATES))


def numeric(rng: Random, depth: int = 1) -> Expr:
    """A number made of gauges."""
    if depth == 0 or rng.random() < 0.4:
        return ("point", rng.choice("xy")) if rng.random() < 0.8 else number(rng.randint(0, 3))
    kind = rng.choice(("arith", "arith", "abs", "least", "most", "round", "choose"))
    if kind == "arith":
        return ("arith", rng.choice("+-*/"), numeric(rng, depth - 1), numeric(rng, depth - 1))
    if kind == "abs":
        return ("abs", numeric(rng, depth - 1))
    if kind == "round":
        return ("round", ("arith", "/", numeric(rng, 0), number(2)))
    if kind == "choose":
        return ("choose", predicate(rng, 0), numeric(rng, depth - 1), numeric(rng, depth - 1))
    return (kind, numeric(rng, depth - 1), numeric(rng, depth - 1))


def predicate(rng: Random, depth: int = 2) -> Expr:
    """A condition over x, y and st."""
    roll = rng.random()
    if depth == 0 or roll < 0.3:
        return state(rng) if rng.random() < 0.3 else comparison(rng, rng.choice("xxy"))
    if roll < 0.4:
        return ("not", predicate(rng, depth - 1))
    if roll < 0.5:
        return ("cmp", rng.choice(SIGNS), _with_a_point(rng), number(rng.randint(0, 5)))
    kind = "and" if roll < 0.75 else "or"
    return (kind, predicate(rng, depth - 1), predicate(rng, depth - 1))


def _with_a_point(rng: Random) -> Expr:
    """A number that is no literal."""
    return ("arith", rng.choice("+-"), ("point", rng.choice("xy")), numeric(rng, 1))


def maybe(rng: Random, chance: float, value: Any) -> Any:
    """`value` with this chance, else None."""
    return value if rng.random() < chance else None
