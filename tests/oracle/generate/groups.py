"""Rules on groups."""

from random import Random

from oracle.generate import parts
from oracle.scene import SECOND, Expr, LevelDef, PointDef, RuleDef, SignalDef

POINTS = {"x": PointDef(), "y": PointDef()}
GUNS = {"x": PointDef(each=True), "y": PointDef(each=True)}
AGGREGATES = ("mean", "min", "max", "sum", "count")


def quorum(rng: Random) -> RuleDef:
    """So many of the members, with limits of time; ends when it is false, or by another quorum."""
    of = _predicate(rng)
    when: Expr = ("members", of, tuple(_limits(rng).items()))
    clear: Expr = ("members", of, (("at_most", 0),))
    return RuleDef("levels", POINTS, (_level(rng, when, parts.maybe(rng, 0.3, clear)),), group=True)


def components(rng: Random) -> RuleDef:
    """The same of devices with two components: a device votes, or each of its components."""
    of, per = _predicate(rng), {"per": "component"} if rng.random() < 0.5 else {}
    when: Expr = ("members", of, tuple((_limits(rng) | per).items()))
    return RuleDef("levels", GUNS, (_level(rng, when, None),), group=True, components=2)


def aggregate(rng: Random) -> RuleDef:
    """A number made of all members, against a limit."""
    what = rng.choice(AGGREGATES)
    of: Expr = _predicate(rng) if what == "count" else ("point", "x")
    more = {} if rng.random() < 0.4 else {"coverage": rng.choice((0.3, 0.5, 1.0))}
    limit = rng.randint(1, 3) if what == "count" else rng.randint(3, 10) if what == "sum" else rng.randint(1, 4)
    when: Expr = ("cmp", rng.choice((">=", ">", "<")), ("signal", "a"), parts.number(limit))
    signal = SignalDef("members", (what, of), more=more)
    guns = rng.random() < 0.3
    return RuleDef(
        "levels",
        GUNS if guns else POINTS,
        (_level(rng, when, None),),
        let={"a": signal},
        group=True,
        components=2 if guns else 0,
    )


def _predicate(rng: Random) -> Expr:
    of: Expr = ("cmp", rng.choice((">=", ">")), ("point", "x"), parts.number(rng.randint(2, 4)))
    if rng.random() < 0.2:
        of = (rng.choice(("and", "or")), of, parts.comparison(rng, "y"))
    elif rng.random() < 0.15:
        of = ("cmp", ">", ("age", "x"), ("span", SECOND * rng.choice((15, 20, 30))))
    return of


def _limits(rng: Random) -> dict[str, float | str]:
    limits: dict[str, float | str] = {"at_least": rng.randint(1, 3)} if rng.random() < 0.7 else {}
    if not limits or rng.random() < 0.2:
        limits["fraction"] = rng.choice((0.25, 0.5, 0.6))
    if rng.random() < 0.4:
        limits["within"] = 10 * SECOND * rng.randint(1, 5)
    if rng.random() < 0.3:
        limits["began_within"] = 10 * SECOND * rng.randint(1, 6)
    return limits


def _level(rng: Random, when: Expr, clear: Expr | None) -> LevelDef:
    return LevelDef(
        "major",
        when,
        hold=parts.seconds(rng, 0, 0, 10, 20),
        clear=clear,
        gap=parts.maybe(rng, 0.5, parts.seconds(rng, 20, 30, 50)),
        clear_hold=parts.seconds(rng, 0, 0, 0, 20),
    )
