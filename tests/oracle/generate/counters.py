"""Rules of counters, and counters that fall."""

from dataclasses import replace
from random import Random

from oracle.generate import parts, windows
from oracle.scene import Expr, LevelDef, Message, PointDef, RuleDef, SignalDef

STEPS = (0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 10.0)


def increase(rng: Random) -> RuleDef:
    """The increase of calendar windows."""
    per = rng.choice(("hour", "hour", "day", "night(01:00-05:00)"))
    pace = windows.CALENDARS[per]
    signal = SignalDef("increase", "c", per=per, coverage=rng.choice(windows.COVERAGES))
    sign = rng.choice((">", ">=", "<", "<="))
    when: Expr = ("cmp", sign, ("signal", "a"), parts.number(rng.choice((0, 1, 3, 6, 10))))
    points = {"c": PointDef("counter", windows.points(pace)["x"].every)}
    return RuleDef("levels", points, (LevelDef("minor", when),), let={"a": signal}, pace=pace)


def beside(rng: Random) -> RuleDef:
    """The increases of two counters, which are sent together or apart, over windows of one length or of two."""
    lengths = rng.choice((("hour", "hour"), ("hour", "15min"), ("15min", "15min"), ("day", "hour")))
    every = windows.points(60)["x"].every
    let = {
        name: SignalDef("increase", point, per=per, coverage=rng.choice(windows.COVERAGES))
        for name, point, per in zip("ab", "cd", lengths, strict=True)
    }
    one, other = (
        ("cmp", rng.choice((">", ">=", "<", "<=")), ("signal", name), parts.number(rng.choice((0, 1, 3, 6))))
        for name in let
    )
    when: Expr = rng.choice((one, other, ("and", one, other), ("or", one, other)))
    points = {name: PointDef("counter", every) for name in "cd"}
    return RuleDef("levels", points, (LevelDef("minor", when),), let=let, pace=60)


def falling(rng: Random) -> RuleDef:
    """The same of counters that fall, and come back."""
    rule = increase(rng)
    model = rng.choice(
        ({"reset": "restart"}, {"rollover": 100.0}, {"rollover": 100.0, "reset": "restart"}, {}, {"resolution": 1.5})
    )
    return replace(rule, points={"c": replace(rule.points["c"], **model)})


def counted(rng: Random, messages: list[Message], name: str, *, falls: bool) -> list[Message]:
    """The values of a counter instead of random ones."""
    value = float(rng.choice((0, 50, 90, 4000)))
    before: float | None = None
    out = []
    for one in messages:
        values = dict(one.values)
        if name in values:
            value += rng.choice(STEPS)
            if before is not None and rng.random() < 0.5:
                value, before = before + rng.choice(STEPS), None
            elif falls and rng.random() < 0.12:
                before, value = value, rng.choice((0.0, 0.1, value - 0.001 * value / 2, value - 1, value % 100))
            if values[name] is not None:
                values[name] = round(value, 3)
        out.append(replace(one, values=values))
    return out
