"""Rules of dates and multiples, and what the desk says of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from oracle.scene import DAY, HOUR, LEVELS, SECOND, DeviceDef, FactDef, PointDef, RuleDef

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def due(rng: Random) -> RuleDef:
    """Stages around a date."""
    count = rng.randint(1, 4)
    names = sorted(rng.sample(LEVELS, count), key=LEVELS.index)
    days = sorted(rng.sample(range(-4, 3), count))
    at = (rng.choice((0, 2, 9)), rng.choice((0, 30)))
    keys = {"date": "insp", "stages": tuple(zip(names, days, strict=True)), "at": at}
    return RuleDef("due", {"x": PointDef(every=HOUR)}, keys=keys, pace=2160)


def due_again(rng: Random) -> RuleDef:
    """Stages around a date that comes again: the next date begins when these are over."""
    rule = due(rng)
    span = rng.choice(((8, "day"), (1, "week"), (2, "week"), (1, "month"), (12, "day")))
    keys = {**rule.keys, "repeat": span, "completed": rng.random() < 0.5}
    return RuleDef("due", rule.points, keys=keys, pace=6480)


def every_or_after(rng: Random) -> RuleDef:
    """Multiples of a counter, or a term."""
    rule = every(rng)
    span = rng.choice(((1, "day"), (2, "day"), (1, "week"), (1, "month"), (3, "day")))
    return RuleDef("every", {"c": PointDef("counter", HOUR)}, keys={**rule.keys, "after": span}, pace=2160)


def every(rng: Random) -> RuleDef:
    """Multiples of a counter."""
    step = rng.choice((5, 10, 20))
    keys = {
        "counter": "c",
        "step": step,
        "first": rng.choice((0, 0, 7, 55, 100)),
        "level": "minor",
        "ahead": rng.choice((0, 0, 1, 4)),
    }
    return RuleDef("every", {"c": PointDef("counter")}, keys=keys)


def day(start: int, offset: int) -> str:
    """The date so many days after the start."""
    return (datetime.fromtimestamp(start / 1e6, UTC) + timedelta(days=offset)).date().isoformat()


def attrs(rng: Random, rule: RuleDef, start: int) -> dict[str, str]:
    """What stands in the list of devices."""
    if rule.form != "due" or rng.random() < 0.1:
        return {}
    return {"insp": day(start, rng.randint(-70 if "repeat" in rule.keys else -2, 9))}


def counter_at(device: DeviceDef, at: int) -> float | None:
    """What the counter said last at this time."""
    known = [one.values["c"] for one in device.messages if one.at <= at and isinstance(one.values.get("c"), float)]
    return known[-1] if known else None


def completed(rng: Random, rule: RuleDef, device: DeviceDef, at: int) -> object:
    """What a completion says: the counter or not, and sometimes when the work was done."""
    reading = counter_at(device, at) if rule.form == "every" and rng.random() < 0.5 else None
    told: object = True if reading is None else reading
    return told if rng.random() < 0.6 else (told, max(0, at - SECOND * rng.choice((60, 3600, 90_000, 500_000))))


def facts(rng: Random, rule: RuleDef, start: int, devices: Sequence[DeviceDef], until: int) -> tuple[FactDef, ...]:
    """From the desk."""
    if rule.form not in {"due", "every", "sequence"}:
        return ()
    out = []
    for number, device in enumerate(devices):
        for _ in range(rng.choice((0, 1, 1, 2))):
            at = rng.randint(1, max(1, until // SECOND)) * SECOND - SECOND // 2  # beside readings and ticks
            if ("after" in rule.keys or "repeat" in rule.keys) and rng.random() < 0.6:
                out.append(FactDef(at, number, "cycle", completed(rng, rule, device, at)))
                continue
            if rule.form == "due":
                at = min(at // HOUR * HOUR + HOUR, until)
                value = {"attrs": {"insp": day(start, at // DAY + rng.randint(-1, 8))}}
                out.append(FactDef(at, number, "set", value) if rng.random() < 0.6 else FactDef(at, number, "closed"))
            elif rule.form == "every" and rng.random() < 0.6 and (value := counter_at(device, at)) is not None:
                out.append(FactDef(at, number, "cycle", value))
            else:
                out.append(FactDef(at, number, "closed"))
    return tuple(sorted(out, key=lambda one: one.at))
