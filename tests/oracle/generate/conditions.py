"""Rules of every condition."""

from dataclasses import replace
from random import Random

from oracle.generate import parts
from oracle.scene import LEVELS, SECOND, Expr, LevelDef, PointDef, RuleDef


def level(rng: Random, name: str, when: Expr, clear: Expr | None) -> LevelDef:
    """One level with its times."""
    return LevelDef(
        name,
        when,
        hold=parts.seconds(rng, *parts.HOLDS),
        clear=clear,
        gap=parts.maybe(rng, 0.4, parts.seconds(rng, 10, 15, 20, 30, 50)),
        clear_hold=parts.seconds(rng, 0, 0, 0, 10, 20, 40),
    )


def threshold(rng: Random) -> RuleDef:
    """`when`, with hysteresis or without."""
    when, limit = parts.above(rng)
    clear: Expr | None = ("cmp", rng.choice(("<", "<=")), ("point", "x"), parts.number(limit - rng.randint(1, 2)))
    return RuleDef("levels", parts.GAUGES, (level(rng, rng.choice(LEVELS), when, parts.maybe(rng, 0.6, clear)),))


def logic(rng: Random) -> RuleDef:
    """`when` of several points; ends when it is false."""
    when = parts.predicate(rng)
    return RuleDef("levels", parts.GAUGES, (level(rng, "minor", when, None),))


def levels(rng: Random) -> RuleDef:
    """Two or three severities of one point."""
    names = sorted(rng.sample(LEVELS, rng.randint(2, 3)), key=LEVELS.index)
    limits = sorted(rng.sample(range(1, 6), len(names)))
    made = []
    for name, limit in zip(names, limits, strict=True):
        when: Expr = ("cmp", ">=", ("point", "x"), parts.number(limit))
        clear: Expr = ("cmp", "<", ("point", "x"), parts.number(limit - rng.randint(0, 1)))
        made.append(level(rng, name, when, parts.maybe(rng, 0.6, clear)))
    return RuleDef("levels", parts.GAUGES, tuple(made))


def unless(rng: Random) -> RuleDef:
    """A condition with a veto of its own points."""
    rule = rng.choice((threshold, silent, streak, votes, sequence))(rng)
    veto: Expr = ("cmp", ">=", ("point", "v"), parts.number(3))
    return replace(rule, points={**rule.points, "v": PointDef()}, unless=veto)


def missing(rng: Random) -> RuleDef:
    """A threshold that ends when nothing is heard."""
    return replace(threshold(rng), missing=parts.seconds(rng, 40, 60, 90))


def silent(rng: Random) -> RuleDef:
    """Silence of one or two points."""
    points = rng.choice((("x",), ("y",), ("x", "y")))
    longer: int | Expr = parts.seconds(rng, 20, 30, 40, 60)
    if rng.random() < 0.3:
        test = ("is", "st", "on")
        longer = ("choose", test, ("span", parts.seconds(rng, 10, 20)), ("span", parts.seconds(rng, 40, 60)))
    keys = {"points": points, "all_of": rng.random() < 0.4, "longer": longer, "level": "minor"}
    return RuleDef("silent", parts.GAUGES, keys=keys)


def streak(rng: Random) -> RuleDef:
    """N readings in a row."""
    of = parts.predicate(rng, 1)
    length = rng.randint(1, 4)
    keys = {
        "of": of,
        "length": length,
        "skips": rng.random() < 0.4,
        "level": "major",
        "span": parts.maybe(rng, 0.3, parts.seconds(rng, 20, 30, 40)),
    }
    return RuleDef("streak", parts.GAUGES, keys=keys)


def votes(rng: Random) -> RuleDef:
    """N of the last M readings."""
    last = rng.randint(1, 6)
    keys = {"of": parts.predicate(rng, 1), "last": last, "need": rng.randint(1, last), "level": "major"}
    return RuleDef("votes", parts.GAUGES, keys=keys)


def cleared_runs(rng: Random) -> RuleDef:
    """`streak` and `votes` with a `clear` of their own."""
    rule = rng.choice((streak, votes))(rng)
    of: Expr = ("cmp", ">=", ("point", "x"), parts.number(3))
    clear: Expr = ("cmp", "<", ("point", "x"), parts.number(rng.randint(1, 3)))
    return replace(rule, keys={**rule.keys, "of": of}, clear=clear)


def sequence(rng: Random) -> RuleDef:
    """A then B, A then not B."""
    see, then = rng.choice((
        (("is", "st", "on"), ("is", "st", "fault")),
        (("is", "st", "on"), ("is", "st", "idle")),
        (("cmp", ">=", ("point", "x"), parts.number(3)), ("cmp", "<", ("point", "y"), parts.number(2))),
        (("cmp", ">=", ("point", "x"), parts.number(3)), ("is", "st", "on")),
    ))  # fmt: skip
    keys = {
        "see": see,
        "then": then,
        "absent": rng.random() < 0.5,
        "within": 10 * SECOND * rng.randint(1, 5),
        "restart": rng.random() < 0.4,
        "level": "minor",
        "unless": parts.maybe(rng, 0.3, ("cmp", "<=", ("point", "y"), parts.number(1))),
    }
    clear = rng.choice((None, ("is", "st", "idle"), ("cmp", "<", ("point", "x"), parts.number(2))))
    return RuleDef("sequence", parts.GAUGES, keys=keys, clear=clear)
