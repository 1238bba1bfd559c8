"""Rules that compare with the others of a bay."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from oracle.generate import conditions, parts
from oracle.scene import DeviceDef, Expr, RuleDef, SignalDef

BAYS = ("a", "b", "c", "d", None)
"""Of 16 devices some are three, some alone, some in no group."""


def beside(rng: Random) -> RuleDef:
    """Own value against the others; or a point of one's own against another one of theirs; or the others alone."""
    more = {"what": rng.choice(("mean", "median", "min", "max")), "by": "bay"}
    signal = SignalDef("peers", "x", coverage=rng.choice((None, None, 0.5, 1.0)), more=more)
    others: Expr = ("signal", "others")
    own: Expr = ("point", rng.choice("xxy"))
    sign = rng.choice((">", ">=", "<"))
    beyond: Expr = ("cmp", sign, own, ("arith", rng.choice("+-"), others, parts.number(rng.randint(0, 2))))
    far: Expr = ("cmp", ">=", ("abs", ("arith", "-", own, others)), parts.number(rng.randint(1, 3)))
    alone: Expr = ("cmp", sign, others, parts.number(rng.randint(1, 4)))
    when = rng.choice((beyond, beyond, far, alone, ("and", beyond, parts.comparison(rng, "y"))))
    back: Expr = ("cmp", "<=", own, others)
    rule = RuleDef("levels", parts.GAUGES, (conditions.level(rng, "major", when, parts.maybe(rng, 0.3, back)),))
    if rng.random() < 0.3:
        rule = replace(rng.choice((conditions.streak, conditions.votes))(rng))
        rule = replace(rule, keys={**rule.keys, "of": when})
    return replace(rule, let={"others": signal})


def bay(rng: Random, rule: RuleDef) -> dict[str, str]:
    """The attribute that says which group a device is in."""
    found = rng.choice(BAYS) if any(one.operator == "peers" for one in rule.let.values()) else None
    return {"bay": found} if found else {}


def before_stop(devices: Sequence[DeviceDef], restarts: Sequence[tuple[int, int]]) -> list[DeviceDef]:
    """Without what came at the moment of a stop, after the last tick: others are judged by it before the down-time that
    it lies in is known (decision 061).
    """
    stops = {at for at, _ in restarts}
    kept = [tuple(one for one in device.messages if one.received not in stops) for device in devices]
    return [replace(one, messages=some or one.messages) for one, some in zip(devices, kept, strict=True)]
