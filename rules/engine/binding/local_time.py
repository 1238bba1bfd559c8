"""`hour()` and `weekday()`: the wall clock of each thing, by the zone of its site (RULES section 3)."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import DAY, HOUR, MINUTE, from_us
from gateway.domain.reading import F64, I32, I64
from rules.compiled import SlotKind
from rules.engine.binding.attribute_columns import RowTable
from rules.engine.state.calendar import zone_of
from rules.engine.state.field import Field
from rules.engine.state.thing_table import ThingTable, widened

_THURSDAY = 3  # 1970-01-01, counted from Monday
QUARTER = 15 * MINUTE  # every zone's offset changes at a quarter of an hour
CLOSE = 4096
_STEP = {SlotKind.HOUR: HOUR, SlotKind.WEEKDAY: DAY}


@lru_cache(maxsize=65536)
def _offset(zone: str, minute: int) -> int:
    """µs that the clocks of `zone` are ahead of UTC in minute `minute` since 1970 UTC."""
    found = zone_of(zone)
    shift = from_us(minute * MINUTE).astimezone(found).utcoffset() if found is not None else None
    return 0 if shift is None else round(shift.total_seconds()) * 1_000_000


@lru_cache(maxsize=65536)
def _following(zone: str, minute: int, size: int) -> int:
    """The first moment after that minute began at which the local hour (or day) may be another, µs."""
    offset = _offset(zone, minute)
    following = ((minute * MINUTE + offset) // size + 1) * size - offset
    low, high = minute, -(-following // MINUTE)
    if _offset(zone, high) == offset:
        return following
    while high - low > 1:  # the clocks are changed before: the hour may jump there
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return min(following, high * MINUTE)


class LocalTime(RowTable):
    """zone i32[n]: the number of the time zone of each row; `zones` their names."""

    def __init__(self, world: Field, space: ThingTable, installation: str) -> None:
        super().__init__(world, space)
        self.installation = installation
        self.zones: list[str] = []
        self.zone: I32 = np.zeros(0, np.int32)

    def grow(self, capacity: int) -> None:
        self.zone = widened(self.zone, capacity, 0)

    def look_up(self, things: NDArray[np.intp]) -> None:
        number = {name: index for index, name in enumerate(self.zones)}
        for thing in things.tolist():
            device = self.world.devices[self.space.things[thing].device]
            name = self.world.zone(device, self.installation)
            self.zone[thing] = number.setdefault(name, len(number))
        self.zones = list(number)

    def read(self, kind: SlotKind, thing: NDArray[np.integer], t: I64) -> F64:
        """The hour 0-23, or the weekday 1 (Monday) - 7, of each thing at `t` µs."""
        local = t + self._each(thing, t, _offset)
        if kind is SlotKind.HOUR:
            return (local // HOUR % 24).astype(np.float64)
        return ((local // DAY + _THURSDAY) % 7 + 1).astype(np.float64)

    def hour_of_week(self, thing: NDArray[np.integer], t: I64) -> I64:
        """0 = Monday 00:00, of each thing at `t` µs."""
        local = t + self._each(thing, t // QUARTER * QUARTER, _offset)
        found: I64 = (local // DAY + _THURSDAY) % 7 * 24 + local // HOUR % 24
        return found

    def following(self, kind: SlotKind, thing: NDArray[np.integer], t: I64) -> I64:
        """The first moment after `t` at which that may be another, µs."""
        size = _STEP[kind]
        return self._each(thing, t, lambda zone, minute: _following(zone, minute, size))

    def _each(self, thing: NDArray[np.integer], t: I64, of: Callable[[str, int], int]) -> I64:
        """`of` the zone and the minute of every item: each pair is asked once."""
        zone, minute = self.zone[thing], t // MINUTE
        found = np.zeros(len(t), np.int64)
        for number in np.flatnonzero(np.bincount(zone)).tolist():
            mine = np.flatnonzero(zone == number)
            minutes, place = _distinct(minute[mine])
            found[mine] = np.array([of(self.zones[number], one) for one in minutes.tolist()], np.int64)[place]
        return found


def _distinct(minute: I64) -> tuple[I64, NDArray[np.intp]]:
    """(the minutes there are, of which each is); mostly they lie close together."""
    low = int(minute.min())
    off = minute - low
    if int(off.max()) > CLOSE:
        return np.unique(minute, return_inverse=True)
    there = np.bincount(off) > 0
    return low + np.flatnonzero(there), (np.cumsum(there) - 1)[off]


def local_time_of(world: Field, space: ThingTable, installation: str) -> LocalTime:
    """The table of a space; all expressions that ask share it."""
    key = id(space), f"local time of {installation} in {id(world)}"  # groups and their members have zones of their own
    found = world.shared.get(key)
    if not isinstance(found, LocalTime):
        found = world.shared[key] = LocalTime(world, space, installation)
    return found
