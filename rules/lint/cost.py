"""Cost of a rule: bytes of state and evaluations a second, computed without readings.

An evaluator of the rule is made for one thing and its arrays are measured. Rings of sliding windows are computed from
the promised interval, for steady traffic: readings that arrive in bursts make a ring larger. Distinct values in
percentiles of calendar windows are computed as if all values differed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.domain.device import Device
from gateway.domain.duration import SECOND
from rules.compiled import Names, Rule
from rules.compiled.reads import every_point, fed_by, points
from rules.engine.conditions.base import ConditionEvaluator, EngineContext
from rules.engine.conditions.factory import evaluator_of
from rules.engine.groups import GroupEvaluator
from rules.engine.transitions import Emitter
from rules.engine.windows.base import StateTable
from rules.engine.windows.baseline import Weeks
from rules.engine.windows.quantile import DIFFERENT, ValueCounts
from rules.engine.windows.ring_buffer import RingBuffer
from rules.engine.windows.signal_set import SignalSet
from rules.engine.windows.sliding_signal import SlidingSignal
from rules.format.profiles import point_of
from rules.lint.inventory import RuleInventory
from rules.lint.windows import window_of

UNPROMISED = 10 * SECOND  # interval assumed for a point without a promised one
ROOM = 64  # rows of the smallest table
LONGEST_RING = 1 << 20
WEEK_BYTES = 2688


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one rule. `per_thing` bytes of state for each row; `things` it watches (None = no lists are known);
    `state` bytes and `per_second` evaluations of all of them."""

    rule: str
    per_thing: int
    things: int | None = None
    state: int = 0
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class StateBytes:
    """Bytes of an evaluator per row: `own` for every allocated row, `windows` and parts for every row in use."""

    kind: str
    own: float
    windows: float


def estimate(rule: Rule, names: Names, inventory: RuleInventory | None) -> Cost:
    """Cost of `rule` on the devices of `inventory`; zero for a rule that is off."""
    if rule.mode == "off":
        return Cost(rule.id, 0, None if inventory is None else 0)
    held = list(_held(rule, names))
    per_thing = round(sum(one.own + one.windows for one in held))
    if inventory is None:
        return Cost(rule.id, per_thing)
    things, state = inventory.things(rule), 0.0
    for one in held:
        rows = len(inventory.space(one.kind)) if one.kind else len(inventory.groups(rule))
        if rows:
            state += one.own * room_for(rows) + one.windows * rows
    return Cost(rule.id, per_thing, things, round(state), _per_second(rule, names, inventory))


def room_for(rows: int) -> int:
    """Allocated rows of a table: it doubles when it is full."""
    room = ROOM
    while room < rows:
        room *= 2
    return room


# --- state
def _held(rule: Rule, names: Names) -> Iterator[StateBytes]:
    common = EngineContext(Emitter(0, "lint"))
    world = common.world
    for number, kind in enumerate(_kinds(rule), 1):
        for point in names.points.get(kind, {}).values():
            world.set_point(point_of(len(world.points) + 1, kind, point))
        world.set_device(Device(number, f"{kind}-{number}", kind, kind))
    runners: Sequence[ConditionEvaluator]
    if rule.watch.group:
        groups = GroupEvaluator(rule, "UTC", common)
        runners = groups.evaluators()
        if not len(groups.table.space):
            groups.table.row_of("one")
    else:
        runners = [evaluator_of(rule, "UTC", world.space(kind), common) for kind in rule.watch.kinds]
    for runner in runners:
        runner.grow()
        parts = {name: part.memory() for name, part in runner.columns.parts.items()}
        own = runner.memory() - sum(parts.values())
        parts.pop("windows", 0)  # they grow with what comes: reckoned below
        windows, used = 0.0, sum(parts.values())
        if runner.windows is not None:
            windows = _windows(runner.windows, rule, names)
        kind = runner.space.kind if runner.space.kind in names.points else ""
        yield StateBytes(kind, own / max(1, runner.space.capacity), windows + used / max(1, len(runner.space)))


def _windows(windows: SignalSet, rule: Rule, names: Names) -> float:
    """Bytes per row of all signals."""
    signals = {signal.name: signal for signal in rule.signals}
    total = 0.0
    for one in windows.operators:
        signal = signals.get(one.name)
        intervals: list[int] = []
        if signal is not None:
            calendars = fed_by(signal, rule.signals)
            intervals = [one.longest for one in calendars] or _intervals(names, rule, every_point(signal, rule.signals))
        total += _table(one, min(intervals, default=UNPROMISED), 0 if signal is None else window_of(signal))
    return total


def _table(table: StateTable, every: int, window: int) -> float:
    """Bytes per row of a table and its parts."""
    if isinstance(table, SlidingSignal):
        own: float = sum(getattr(table, name).itemsize for name, _ in table.arrays)
        return own + sum(
            _ring(part, slots(table, every)) if isinstance(part, RingBuffer) else _table(part, every, window)
            for part in table.parts.values()
        )
    if isinstance(table, ValueCounts):
        return _counts(table, window // max(1, every))
    own = 0.0
    for name, _ in table.arrays:
        array = getattr(table, name)
        own += array.dtype.itemsize * int(np.prod(array.shape[:-1]))
    if isinstance(table, Weeks):
        own += WEEK_BYTES
    return own + sum(_table(part, every, window) for part in table.parts.values())


def _counts(counts: ValueCounts, values: int) -> float:
    """Bytes for this number of values in a window."""
    size = len(counts.held)
    while size < min(2 * values, 2 * DIFFERENT):
        size *= 2
    return size * (counts.held.itemsize + counts.number.itemsize) + counts.used.itemsize + counts.digits.itemsize


def _ring(ring: RingBuffer, size: int) -> float:
    """Bytes for this number of slots."""
    found: float = 0.0
    factor = size / len(ring.at)
    for table in (ring, *ring.parts.values()):
        for name, _ in table.arrays:
            array = getattr(table, name)
            bytes_ = array.dtype.itemsize * int(np.prod(array.shape[:-1]))
            found += bytes_ * (factor if array.ndim > 1 else 1)
    return found


def slots(signal: SlidingSignal, every: int) -> int:
    """Slots of the ring of a signal with a reading every `every` µs."""
    windows, size = signal.operator.windows, len(signal.operator.ring.at)
    wanted = 3 if windows.pair else windows.over // max(1, every) + 2
    while size < min(wanted, LONGEST_RING):
        size *= 2
    return size


# --- evaluations
def _kinds(rule: Rule) -> Iterable[str]:
    """Kinds of device that the rule reads, each once."""
    members = (kind for signal in rule.signals for kind in getattr(signal, "kinds", ()))
    return dict.fromkeys([*rule.watch.kinds, *members])


def _intervals(names: Names, rule: Rule, wanted: set[str]) -> list[int]:
    specs = [
        names.points[kind][name]
        for kind in _kinds(rule)
        if kind in names.points
        for name in wanted
        if name in names.points[kind]
    ]
    return [spec.every for spec in specs if spec.every]


def _per_second(rule: Rule, names: Names, inventory: RuleInventory) -> float:
    """Evaluations per second: one for every frame with a point of the rule, as often as its fastest point."""
    read, total = points(rule), 0.0
    for kind in rule.watch.kinds:
        rows = inventory.rows(rule, kind)
        if not len(rows):
            continue
        profiles, counts = np.unique(inventory.space(kind).profile[rows], return_counts=True)
        named = {number: name for name, number in inventory.fleet.profiles.items()}
        for profile, count in zip(profiles.tolist(), counts.tolist(), strict=True):
            specs = [inventory.fleet.spec(named[profile], point, 0) for point in read]
            every = [spec.every for spec in specs if spec is not None and spec.every]
            if not any(specs) and not every:
                every = _intervals(names, rule, read)
            total += count * SECOND / min(every) if every else 0.0
    return total
