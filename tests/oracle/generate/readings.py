"""Messages of a device, and what happens to them on their way."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from oracle.generate import peers, plans
from oracle.generate.counters import counted
from oracle.generate.parts import STATES
from oracle.reference.expressions import walk
from oracle.scene import MINUTE, SECOND, DeviceDef, Message, PointDef, RuleDef, SceneDef

Value = float | str | None
STEPS = (10, 10, 10, 10, 10, 10, 5, 15, 20, 30, 31, 40, 70)
"""Between two messages, s: mostly `every`, also at and beside the default gap of 3 x `every`."""


def value(rng: Random, point: PointDef) -> Value:
    """A small number, a state, sometimes bad."""
    if rng.random() < 0.06:
        return None
    return rng.choice(STATES) if point.kind == "state" else float(rng.randint(0, 5))


def line(rng: Random, pace: float) -> list[int]:
    """Times at which devices of a scene may speak, µs. They share them, so that batches hold several of them."""
    t, out = 0, []
    for _ in range(rng.randint(8, 30 if pace < 60 else 45)):
        out.append(t)
        t += round(rng.choice(STEPS) * pace) * SECOND
    return out


def stream(rng: Random, rule: RuleDef, times: Sequence[int], used: Sequence[str]) -> list[Message]:
    """In order, received at once. Values like to stay as they are, so that holds are fulfilled now and then."""
    last: dict[str, Value] = {name: value(rng, rule.points[name]) for name in used}
    out = []
    stays = rng.choice((0.3, 0.6, 0.85))
    often = rng.choice((0.5, 0.8, 1.0))
    for t in [one for one in times if rng.random() < often] or [times[0]]:
        some = [name for name in used if rng.random() < 0.7] or [rng.choice(used)]
        for name in some:
            if rng.random() > stays or last[name] is None:
                last[name] = value(rng, rule.points[name])
        out.append(Message(t, t, {name: last[name] for name in some}))
    return out


def plain(rng: Random, messages: list[Message]) -> list[Message]:
    """As they are."""
    return messages


def buffered(rng: Random, messages: list[Message]) -> list[Message]:
    """A device that could not send for a while sends all at once, in order."""
    out = list(messages)
    for _ in range(rng.randint(1, 2)):
        first = rng.randrange(len(out))
        last = min(len(out) - 1, first + rng.randint(0, 6))
        back = out[last].at + SECOND * rng.choice((0, 1, 5, 10, 30, 31, 60, 90))
        following = out[last + 1].received if last + 1 < len(out) else back
        back = max(out[last].received, min(back, max(following, out[last].at)))
        for k in range(first, last + 1):
            out[k] = replace(out[k], received=max(out[k].received, back))
    return _in_order(out)


def _in_order(messages: list[Message]) -> list[Message]:
    """Nothing overtakes: received grows with at."""
    out: list[Message] = []
    for one in messages:
        out.append(replace(one, received=max(one.received, out[-1].received if out else 0)))
    return out


def late(rng: Random, messages: list[Message]) -> list[Message]:
    """Some come long after those that follow them: by seconds, or by as many steps of the device."""
    out = list(messages)
    step = max(SECOND, out[-1].at // len(out) // 20 // SECOND * SECOND)
    unit = SECOND if rng.random() < 0.5 else step
    for k in rng.sample(range(len(out)), min(len(out), rng.randint(1, 3))):
        delay = min(unit * rng.choice((10, 20, 30, 45, 60, 100, 200)), ACCEPTED)
        out[k] = replace(out[k], received=out[k].received + delay)
    return out


def replaced(rng: Random, messages: list[Message]) -> list[Message]:
    """Some values are told again: the same, another, or bad."""
    out = list(messages)
    for one in rng.sample(messages, min(len(messages), rng.randint(1, 3))):
        name = rng.choice(sorted(one.values))
        other: Value = rng.choice((*STATES, None) if name in {"st", "sv"} else (*map(float, range(6)), None))
        delay = SECOND * rng.choice((0, 0, 1, 5, 10, 20, 60))
        out.append(Message(one.at, one.received + delay, {name: other}))
    return out


def shuffled(rng: Random, messages: list[Message], lateness: int) -> list[Message]:
    """Delays up to the lateness."""
    return [replace(one, received=one.received + rng.choice((0, 0, lateness // 2, lateness))) for one in messages]


def ahead(rng: Random, messages: list[Message]) -> list[Message]:
    """A clock far ahead: the receive time counts. (One that is a little ahead is believed.)"""
    out = list(messages)
    for k in rng.sample(range(len(out)), min(len(out), 2)):
        out[k] = replace(out[k], at=out[k].received + 5 * MINUTE + SECOND * rng.choice((1, 60, 3600)))
    return out


MODES = {"plain": plain, "buffered": buffered, "late": late, "replaced": replaced, "ahead": ahead, "down": plain}
FALLING = frozenset({"falling"})
"""Kinds of rules whose counters fall."""
COMPARED = {"buffered": "covered", "late": "covered", "replaced": "covered", "down": "standing"}
"""What is compared (see `compare.py`), where it is not every transition."""


LOOKS = 62 * SECOND
"""A device with many replaced values is looked at again after a minute at the latest (decision 041)."""
ACCEPTED = 71 * 3600 * SECOND
"""What comes later is never judged (`accept_late`)."""
ZONES = {"Europe/Berlin": (1774734000, 1792879200), "America/New_York": (1772949600, 1793509200),
         "Asia/Shanghai": (), "Australia/Lord_Howe": (1775314800, 1790953200), "UTC": ()}  # fmt: skip
"""Zones with the seconds since 1970 at which their clocks change in 2026."""


def place(rng: Random, rule: RuleDef) -> tuple[int, str]:
    """Where and when the case begins; rules with a calendar also beside a change of the clock."""
    local = any(signal.per or "season" in signal.more for signal in rule.let.values())
    if rule.form != "due" and "after" not in rule.keys and not local:
        return SceneDef.start, "UTC"
    zone = rng.choice(sorted(ZONES))
    changes = ZONES[zone]
    if changes and rng.random() < 0.6:
        return (rng.choice(changes) - 1800 * rng.randint(0, round(rule.pace))) * SECOND, zone
    return SceneDef.start + 3600 * SECOND * rng.randint(0, 24 * 45), zone


def away(
    rng: Random, rule: RuleDef, last: int, devices: Sequence[DeviceDef]
) -> tuple[tuple[tuple[int, int], ...], list[DeviceDef]]:
    """One down-time: of some devices a broker keeps the messages, those of others are lost."""
    at = SECOND * rng.randint(1, max(1, last // SECOND))
    length = round(rng.choice((10, 25, 40, 60, 120)) * rule.pace) * SECOND
    out = []
    for device in devices:
        kept = tuple(one for one in device.messages if not at < one.received <= at + length)
        out.append(device if rng.random() < 0.5 or not kept else replace(device, messages=kept))
    return ((at, length),), out


def one_gun(rng: Random, rule: RuleDef, message: Message) -> Message:
    """The message is about one of the components."""
    gun = rng.randint(1, rule.components)
    return replace(message, values={f"#{gun}.{name}": value for name, value in message.values.items()})


def _asks_ages(rule: RuleDef) -> bool:
    """What members become by time alone is known only after the others have spoken: what was told around a down-time by
    then is moved by no transition (decisions 041, 064).
    """
    nodes = [node for level in rule.levels for node in (level.when, level.clear) if node is not None]
    nodes += [signal.of[1] for signal in rule.let.values() if signal.operator == "members"]
    return any(part[0] == "age" for node in nodes for part in walk(node))


def _compared(kind: str, mode: str, rule: RuleDef) -> str:
    if kind in FALLING:
        return "covered"
    return "waited" if mode == "down" and rule.group and _asks_ages(rule) else COMPARED.get(mode, "exact")


def scene(rng: Random, kind: str, mode: str, rule: RuleDef, used: Sequence[str], devices: int) -> SceneDef:
    """A rule with its devices."""
    if mode == "lateness":
        rule = replace(rule, lateness=SECOND * rng.choice((10, 20, 30)))
    start, zone = place(rng, rule)
    made, times = [], line(rng, rule.pace)
    for _ in range(devices):
        messages = stream(rng, rule, times, used)
        for name in used:
            if rule.points[name].kind == "counter":
                messages = counted(rng, messages, name, falls=kind in FALLING)
        messages = shuffled(rng, messages, rule.lateness) if mode == "lateness" else MODES[mode](rng, messages)
        if rule.components:
            messages = [one_gun(rng, rule, one) for one in messages]
        made.append(DeviceDef(tuple(messages), plans.attrs(rng, rule, start) | peers.bay(rng, rule)))
    if rule.group:  # one group, or two
        size = len(made) if len(made) < 4 or rng.random() < 0.6 else len(made) // 2
        made = [replace(one, attrs={"g": "left" if k < size else "right"}) for k, one in enumerate(made)]
    last = max(one.received for device in made for one in device.messages)
    until = last + rule.lateness + round(rng.choice((0, 10, 60, 120)) * rule.pace) * SECOND
    restarts = ((SECOND * rng.randint(0, last // SECOND), 0),) if rng.random() < 0.3 else ()
    if mode == "down":
        restarts, made = away(rng, rule, last, made)
    if any(point.kind == "counter" for point in rule.points.values()):
        until = last + rule.lateness + round(40 * rule.pace) * SECOND  # it is decided whether the end is a gap
    if mode == "replaced":
        until = max(until, last + rule.lateness + LOOKS)
    facts = plans.facts(rng, rule, start, made, until) if mode in {"plain", "ahead"} else ()
    if mode in COMPARED and (rule.group or any(one.operator == "peers" for one in rule.let.values())):
        until += 61 * SECOND  # those who hang on others are asked about at most once a minute
    settled = rule.lateness + round(31 * rule.pace) * SECOND
    until = max([until, *(at + length + settled for at, length in restarts)])
    if any(one.operator == "peers" for one in rule.let.values()):
        made = peers.before_stop(made, restarts)
    if restarts:
        until = max(until, last + rule.lateness + 2 * SECOND)  # ticks wait while the broker delivers (decision 064)
    return SceneDef(
        rule,
        tuple(made),
        until,
        restarts,
        facts,
        start=start,
        zone=zone,
        mode=_compared(kind, mode, rule),
        kind=f"{kind}/{mode}",
    )
