"""Rules of signals that are made of expressions and of other signals."""

from dataclasses import replace
from random import Random

from oracle.generate import parts
from oracle.generate.windows import COVERAGES, STATS, baseline, compared, points
from oracle.scene import MINUTE, SECOND, Expr, LevelDef, PointDef, RuleDef, SignalDef

OVERS = (2, 3, 5, 10)
INNER = ("mean", "min", "max", "first", "last", "spread", "median")
LONGER = {"hour": (60, "day"), "15min": (20, "hour"), "day": (360, "week"), "day(from: 08:00)": (720, "month")}
"""Windows with the pace at which points fill them, and with longer ones."""


def nested(rng: Random) -> RuleDef:
    """One of them."""
    return rng.choice((of_points, of_sliding, peak, truths, of_windows, of_days, mixed, of_counters, of_usual))(rng)


def outer(rng: Random, of: Expr) -> SignalDef:
    """One operator over it, without its window."""
    return SignalDef(rng.choice(STATS), of, coverage=rng.choice(COVERAGES))


def rule(rng: Random, pace: int, let: dict[str, SignalDef], limits: tuple[float, ...] = (1, 1.5, 2, 3, 5)) -> RuleDef:
    """`a` is compared."""
    return RuleDef("levels", points(pace), compared(rng, "a", limits), let=let, pace=pace)


def numbers(rng: Random) -> Expr:
    """Of two points, or of one and an attribute of time."""
    x, y = ("point", "x"), ("point", rng.choice("xyyz"))
    return rng.choice((("arith", "-", x, y), ("arith", "+", x, y), ("abs", ("arith", "-", x, y)), ("most", x, y),
                       ("choose", ("is", "st", "on"), x, y)))  # fmt: skip


def of_points(rng: Random) -> RuleDef:
    """`mean: "x - y"`, sliding or per hour; `rise: "x + y"`."""
    of = numbers(rng)
    if rng.random() < 0.4:
        return rule(rng, 60, {"a": replace(outer(rng, of), per="hour")})
    over = rng.choice(OVERS) * MINUTE
    if rng.random() < 0.2:
        return rule(rng, 6, {"a": SignalDef(rng.choice(("rise", "fall")), of, over)})
    return rule(rng, 6, {"a": replace(outer(rng, of), over=over)})


def inner(rng: Random, pace: int) -> SignalDef:
    """Over some minutes; without a coverage, for what is uncovered is noticed on a grid alone."""
    of: str | Expr = "x" if rng.random() < 0.7 else numbers(rng)
    return SignalDef(rng.choice(INNER), of, rng.choice(OVERS) * pace // 6 * MINUTE, coverage=0.0)


def of_sliding(rng: Random) -> RuleDef:
    """The highest mean of the last minutes."""
    signal = replace(outer(rng, ("signal", "b")), over=rng.choice(OVERS) * MINUTE)
    return rule(rng, 6, {"a": signal, "b": inner(rng, 6)})


def peak(rng: Random) -> RuleDef:
    """The same of each hour."""
    return rule(rng, 60, {"b": inner(rng, 60), "a": replace(outer(rng, ("signal", "b")), per="hour")})


def truths(rng: Random) -> RuleDef:
    """How often, and for how long, a signal was above something."""
    of: Expr = ("cmp", ">=", ("signal", "b"), parts.number(rng.choice((1, 2, 3))))
    if rng.random() < 0.5:
        signal, limits = SignalDef("times", of), (1.0, 2.0)
    else:
        signal, limits = SignalDef("share", of, coverage=rng.choice(COVERAGES)), (0.2, 0.5, 0.9)
    if rng.random() < 0.4:
        return rule(rng, 60, {"a": replace(signal, per="hour"), "b": inner(rng, 60)}, limits)
    return rule(rng, 6, {"a": replace(signal, over=rng.choice(OVERS) * MINUTE), "b": inner(rng, 6)}, limits)


def closed(rng: Random, per: str) -> SignalDef:
    """A signal of closed windows."""
    return SignalDef(rng.choice(INNER), "x", per=per, coverage=rng.choice((0.0, 0.0, 0.5)))


def of_windows(rng: Random) -> RuleDef:
    """The usual of the last hours or days."""
    per = rng.choice(("hour", "15min", "day"))
    length = {"hour": 60, "15min": 15, "day": 1440}[per] * MINUTE
    over = round(length * rng.choice((2, 3, 3.5, 5)))
    let = {"a": replace(outer(rng, ("signal", "b")), over=over), "b": closed(rng, per)}
    found = rule(rng, LONGER[per][0], let)
    if rng.random() < 0.3:
        level = replace(found.levels[0], when=("cmp", ">", ("signal", "b"), ("signal", "a")), clear=None)
        found = replace(found, levels=(level,))
    return found


def of_days(rng: Random) -> RuleDef:
    """The highest day of a week, an hour of a day."""
    per = rng.choice(sorted(LONGER))
    pace, longer = LONGER[per]
    of: Expr = ("signal", "b") if rng.random() < 0.7 else ("arith", "-", ("signal", "b"), ("before", "b", 1))
    return rule(rng, pace, {"b": closed(rng, per), "a": replace(outer(rng, of), per=longer)})


def of_counters(rng: Random) -> RuleDef:
    """The usual increase of the last hours, the most of a day; of one counter, or of two that are sent apart."""
    per = rng.choice(("hour", "hour", "15min", "day"))
    pace, longer = LONGER[per]
    let = {
        name: SignalDef("increase", point, per=per, coverage=rng.choice(COVERAGES))
        for name, point in (("b", "c"), ("e", "d"))
    }
    of: Expr = rng.choice((("signal", "b"), ("arith", "-", ("signal", "b"), ("signal", "e")),
                           ("arith", "-", ("signal", "b"), ("before", "b", 1))))  # fmt: skip
    length = {"hour": 60, "15min": 15, "day": 1440}[per] * MINUTE
    window = {"per": longer} if rng.random() < 0.5 else {"over": round(length * rng.choice((2, 3, 3.5, 5)))}
    let["a"] = replace(outer(rng, of), **window)
    a, b, e = (("signal", name) for name in "abe")
    zero = parts.number(rng.choice((0, 1, 3)))
    when: Expr = rng.choice((("cmp", ">", b, a), ("cmp", ">=", a, zero), ("cmp", ">", b, zero), ("cmp", ">", e, zero),
                             ("and", ("cmp", ">", b, zero), ("cmp", ">=", a, zero))))  # fmt: skip
    points = {name: PointDef("counter", 10 * SECOND * pace) for name in "cd"}
    return RuleDef("levels", points, (LevelDef("minor", when),), let=let, pace=pace)


def of_usual(rng: Random) -> RuleDef:
    """What is usual of a sliding mean; the highest of what is usual."""
    if rng.random() < 0.5:
        let = {"a": baseline(rng, 6, ("signal", "b")), "b": inner(rng, 6)}
    else:
        signal = replace(outer(rng, ("signal", "b")), over=rng.choice(OVERS) * MINUTE)
        let = {"a": signal, "b": replace(baseline(rng, 6, "x"), operator="ewma")}
    return rule(rng, 6, let, (0.613, 0.913, 1.717, 2.555, 3.141))


def mixed(rng: Random) -> RuleDef:
    """What comes, against what a closed window was."""
    of: Expr = ("arith", "-", ("point", "y"), ("signal", "b"))
    let = {"b": closed(rng, "15min"), "a": replace(outer(rng, of), over=rng.choice((20, 40, 60)) * MINUTE)}
    return rule(rng, 20, let)
