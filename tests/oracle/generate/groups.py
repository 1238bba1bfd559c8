"""Rules on groups."""

from random import Random

from oracle.generate import parts
from oracle.scene import SECOND, Expr, LevelDef, PointDef, RuleDef

POINTS = {"x": PointDef(), "y": PointDef()}


def quorum(rng: Random) -> RuleDef:
    """So many of the members, with limits of time; ends when it is false, or by another quorum."""
    of: Expr = ("cmp", rng.choice((">=", ">")), ("point", "x"), parts.number(rng.randint(2, 4)))
    if rng.random() < 0.2:
        of = (rng.choice(("and", "or")), of, parts.comparison(rng, "y"))
    limits: dict[str, float] = {"at_least": rng.randint(1, 3)} if rng.random() < 0.7 else {}
    if not limits or rng.random() < 0.2:
        limits["fraction"] = rng.choice((0.25, 0.5, 0.6))
    if rng.random() < 0.4:
        limits["within"] = 10 * SECOND * rng.randint(1, 5)
    if rng.random() < 0.3:
        limits["began_within"] = 10 * SECOND * rng.randint(1, 6)
    when: Expr = ("members", of, tuple(limits.items()))
    clear: Expr = ("members", of, (("at_most", 0),))
    level = LevelDef("major", when, hold=parts.seconds(rng, 0, 0, 10, 20), clear=parts.maybe(rng, 0.3, clear),
                     gap=parts.maybe(rng, 0.5, parts.seconds(rng, 20, 30, 50)),
                     clear_hold=parts.seconds(rng, 0, 0, 0, 20))  # fmt: skip
    return RuleDef("levels", POINTS, (level,), group=True)
