"""Rules of signals: sliding and calendar windows, shares, swings, ages."""

from dataclasses import replace
from random import Random

from oracle.generate import parts
from oracle.scene import MINUTE, SECOND, Expr, LevelDef, PointDef, RuleDef, SignalDef

STATS = ("mean", "min", "max", "sum", "count", "first", "last", "spread", "stddev", "median", "percentile(75)")
COVERAGES = (None, 0.0, 0.5, 0.75)


def points(pace: int) -> dict[str, PointDef]:
    """Gauges that speak every 10 s times `pace`, and a state on change."""
    every = 10 * SECOND * pace
    return {
        "x": PointDef(every=every),
        "y": PointDef(every=every),
        "z": PointDef(every=0),
        "st": PointDef("state", 0, parts.STATES),
        "sv": PointDef("state", every, parts.STATES),
    }


def compared(rng: Random, name: str, limits: tuple[float, ...]) -> tuple[LevelDef, ...]:
    """`a >= c`, with a clear of its own or without; sometimes two levels."""
    low, high = sorted((rng.choice(limits), rng.choice(limits)))
    signal: Expr = ("signal", name)
    up = rng.random() < 0.7
    when: Expr = ("cmp", rng.choice((">", ">=")) if up else rng.choice(("<", "<=")), signal, parts.number(high))
    clear: Expr = ("cmp", "<" if up else ">", signal, parts.number(low if up else high + 1))
    return (LevelDef("minor", when, clear=parts.maybe(rng, 0.3, clear)),)


def stat(rng: Random, pace: int) -> SignalDef:
    """One operator over readings, without its window."""
    operator = rng.choice(STATS)
    return SignalDef(operator, rng.choice("xxz"), coverage=rng.choice(COVERAGES))


def limits(signal: SignalDef) -> tuple[float, ...]:
    """What to compare with."""
    if signal.operator == "sum":
        return (2, 5, 8, 12)
    return (1, 1.5, 2, 2.5, 3, 4)


def sliding(rng: Random) -> RuleDef:
    """Aggregates over (t - over, t]."""
    signal = replace(stat(rng, 6), over=rng.choice((2, 3, 5, 10)) * MINUTE)
    return RuleDef("levels", points(6), compared(rng, "a", limits(signal)), let={"a": signal}, pace=6)


def predicate(rng: Random) -> Expr:
    """Of one point: a state on change, one that is sent every minute, a gauge."""
    return rng.choice((("is", "st", "on"), ("isnt", "st", "idle"), ("is", "sv", "on"),
                       ("cmp", ">=", ("point", "x"), parts.number(3))))  # fmt: skip


def share(rng: Random) -> RuleDef:
    """Part of the observed time."""
    signal = SignalDef("share", predicate(rng), rng.choice((2, 3, 5, 10)) * MINUTE, coverage=rng.choice(COVERAGES))
    return RuleDef("levels", points(6), compared(rng, "a", (0.2, 0.25, 0.5, 0.75, 0.9)), let={"a": signal}, pace=6)


def swing(rng: Random) -> RuleDef:
    """`rise` and `fall`."""
    more = {"max_gap": rng.choice((1, 2, 5)) * MINUTE} if rng.random() < 0.4 else {}
    signal = SignalDef(rng.choice(("rise", "fall")), "x", rng.choice((2, 3, 5, 10)) * MINUTE, more=more)
    return RuleDef("levels", points(6), compared(rng, "a", (1, 2, 3)), let={"a": signal}, pace=6)


def times(rng: Random) -> RuleDef:
    """How often a predicate became true."""
    signal = SignalDef("times", predicate(rng), rng.choice((3, 5, 10)) * MINUTE)
    if rng.random() < 0.5:
        return RuleDef("levels", points(6), compared(rng, "a", (1, 1, 2)), let={"a": signal}, pace=6)
    signal = replace(signal, over=0, per="hour")
    return RuleDef("levels", points(60), compared(rng, "a", (1, 2, 3)), let={"a": signal}, pace=60)


def age(rng: Random) -> RuleDef:
    """`age` as a timer."""
    point = rng.choice("xyz")
    old: Expr = ("cmp", rng.choice((">", ">=", "<", "<=")), ("age", point), ("span", rng.choice((30, 60, 90)) * SECOND))
    roll = rng.random()
    when: Expr = old if roll < 0.5 else ("and", old, parts.comparison(rng, "x")) if roll < 0.8 else ("not", old)
    return RuleDef("levels", points(1), (LevelDef("major", when),))


CALENDARS = {"hour": 60, "day": 360, "day(from: 08:00)": 360, "night(01:00-05:00)": 180, "15min": 20, "week": 2160,
             "month": 8640, "month(from: 26)": 8640, "month(from: 31)": 8640, "quarter": 21600}  # fmt: skip
"""Windows with the pace at which points fill them."""


def calendar(rng: Random) -> RuleDef:
    """Aggregates and shares over windows of the calendar."""
    per = rng.choice((*CALENDARS, "hour", "hour", "day", "night(01:00-05:00)"))
    pace = CALENDARS[per]
    signal = stat(rng, pace)
    chosen = limits(signal)
    if rng.random() < 0.25:
        signal, chosen = SignalDef("share", predicate(rng), coverage=rng.choice(COVERAGES)), (0.25, 0.5, 0.9)
    signal = replace(signal, per=per)
    rule = RuleDef("levels", points(pace), compared(rng, "a", chosen), let={"a": signal}, pace=pace)
    if rng.random() < 0.3:
        of: Expr = ("cmp", ">", ("signal", "a"), ("before", "a", rng.randint(1, 2)))
        rule = replace(rule, levels=(LevelDef("minor", of),))
    if rng.random() < 0.3:
        keys = {"of": rule.levels[0].when, "length": rng.randint(1, 3), "skips": rng.random() < 0.5, "level": "minor"}
        rule = replace(rule, form="streak", levels=(), keys=keys)
    return rule


# --- statistics
def fine(rng: Random) -> Expr:
    """Numbers with digits, far from zero or near it; of one gauge, or of two."""
    of: Expr = rng.choice((("point", "x"), ("point", "x"), ("arith", "-", ("point", "x"), ("point", "y"))))
    of = ("arith", "*", of, parts.number(rng.choice((1, 0.37, 0.013))))
    return of if rng.random() < 0.5 else ("arith", "+", of, parts.number(rng.choice((17.5, 1000, 250000))))


def shifted(of: Expr, limit: float) -> float:
    """A limit for what is made of `fine` numbers, where numbers made of x would have `limit`."""
    base = of[3][1] if of[1] == "+" else 0.0
    scaled = of[2] if of[1] == "+" else of
    return round(float(base + limit * scaled[3][1]), 6)


def spreads(rng: Random) -> RuleDef:
    """Standard deviations and percentiles of numbers with digits, over windows of both sorts."""
    of = fine(rng)
    signal = SignalDef(rng.choice(PERCENTILES), of, coverage=rng.choice(COVERAGES))
    if signal.operator == "stddev":
        of = ("arith", "*", ("point", "x"), of[2][3] if of[1] == "+" else of[3])
    limits = tuple(shifted(of, limit) for limit in (0.413, 0.877, 1.611, 2.217, 3.309))
    if rng.random() < 0.4:
        over = rng.choice((5, 20, 60)) * MINUTE
        return RuleDef("levels", points(6), compared(rng, "a", limits), let={"a": replace(signal, over=over)}, pace=6)
    per = rng.choice(sorted(CALENDARS))
    let = {"a": replace(signal, per=per)}
    return RuleDef("levels", points(CALENDARS[per]), compared(rng, "a", limits), let=let, pace=CALENDARS[per])


PERCENTILES = ("stddev", "stddev", "percentile(75)", "percentile(90)", "percentile(2.5)", "median")


def baseline(rng: Random, pace: int, of: str | Expr) -> SignalDef:
    """What is usual, or how far off the newest is."""
    more = {"half_life": rng.choice((1, 5, 30)) * MINUTE * pace // 6}
    if rng.random() < 0.5:
        more["warmup"] = rng.choice((1, 10)) * MINUTE * pace // 6
    return SignalDef(rng.choice(("ewma", "zscore")), of, more=more)


def usual(rng: Random) -> RuleDef:
    """`ewma` and `zscore`, some of them with a season."""
    pace = rng.choice((6, 6, 360, 2160))
    signal = baseline(rng, pace, rng.choice(("x", "z", ("arith", "-", ("point", "x"), ("point", "y")))))
    if pace > 6:
        signal = replace(signal, more=signal.more | {"season": "hour_of_week"})
    limits = (0.613, 1.417, 2.333) if signal.operator == "zscore" else (0.913, 1.717, 2.555, 3.141)
    return RuleDef("levels", points(pace), compared(rng, "a", limits), let={"a": signal}, pace=pace)


def paired(rng: Random) -> RuleDef:
    """Two signals of any sort in one condition."""
    pace = rng.choice((6, 60))
    let = {name: _one(rng, pace) for name in "ab"}
    one, other = (compared(rng, name, (0.35, 0.9, 1.45, 2.5, 3.1))[0] for name in let)
    when: Expr = (rng.choice(("and", "or")), one.when, other.when)
    if rng.random() < 0.2:
        when = ("cmp", rng.choice(("<", ">")), ("signal", "a"), ("signal", "b"))
    level = LevelDef("minor", when)  # with a clear that is true at once, too, each look would turn it
    return RuleDef("levels", points(pace), (level,), let=let, pace=pace)


def _one(rng: Random, pace: int) -> SignalDef:
    """For `paired`."""
    roll, over = rng.random(), rng.choice((2, 3, 5, 10)) * MINUTE * pace // 6
    coverage = rng.choice(COVERAGES)
    if roll < 0.25:
        return baseline(rng, pace, "x")
    if roll < 0.4:
        return SignalDef("share", predicate(rng), over, coverage=coverage)
    if roll < 0.5:
        return SignalDef("times", predicate(rng), over)
    if roll < 0.6:
        return SignalDef(rng.choice(("rise", "fall")), "x", over)
    signal = SignalDef(rng.choice((*STATS, *PERCENTILES)), rng.choice("xyz"), coverage=coverage)
    if roll < 0.8:
        return replace(signal, over=over)
    return replace(signal, per={6: "15min", 60: "hour"}[pace])
