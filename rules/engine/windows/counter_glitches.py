"""Glitches of counters: falls that were taken back (RULES section 4). What is remembered of them, and put right."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.device import CounterModel
from rules.engine.state.thing_table import NEVER

REMEMBERED = 64
"""Glitches of each device; more are counted only."""


class Glitch(Struct, frozen=True):
    """`point` of a device seemed to fall from `value` after `since` µs and was back at `at` µs.

    `booked`: something was counted in between that never was. `model` is the rule's own, None = the profile's.
    `left`: µs of the falls before that may still be taken back.
    """

    device: int
    component: int
    point: str
    model: CounterModel | None
    value: float
    since: int
    at: int
    booked: bool
    left: tuple[int, ...] = ()

    def same(self, other: "Glitch") -> bool:
        """The same one, seen by another rule or another component."""
        mine, theirs = ((one.point, one.value, one.since, one.at) for one in (self, other))
        return mine == theirs


Resent = tuple[int, int, str, CounterModel | None, int]
"""(device, component, point, model, at µs) of a row that was sent again."""


class GlitchesState(Struct, frozen=True, array_like=True):
    """`found` by device; `forgotten`: device -> point -> how many more; `seen`: point -> how many so far."""

    found: dict[int, list[Glitch]] = {}
    forgotten: dict[int, dict[str, int]] = {}
    seen: dict[str, int] = {}


class Glitches:
    """Of all devices. `fresh`: those that `drain` has not returned yet; with `keep` all of them.

    `seen`: point -> how many were found so far, also those that a re-evaluation no longer finds.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self.resent: set[Resent] = set()
        self._ignored: frozenset[Resent] = frozenset()
        self.fresh: list[Glitch] = []
        self.found: dict[int, list[Glitch]] = {}
        self.forgotten: dict[int, dict[str, int]] = {}  # device -> point -> older ones that are not in `found` any more
        self.seen: dict[str, int] = {}
        self._touched: set[int] = set()
        self._known: dict[tuple[int, int, str, CounterModel | None], list[Glitch]] = {}

    # --- what was found
    def add(self, glitch: Glitch) -> None:
        """A counter found one."""
        self.fresh.append(glitch)
        mine = self.found.setdefault(glitch.device, [])
        if any(glitch.same(one) for one in mine):
            return
        mine.append(glitch)
        self._touched.add(glitch.device)
        self._count(self.seen, glitch.point)
        while len(mine) > REMEMBERED:
            self._count(self.forgotten.setdefault(glitch.device, {}), mine.pop(0).point)

    def _count(self, counts: dict[str, int], point: str) -> None:
        counts[point] = counts.get(point, 0) + 1

    def add_resent(self, row: Resent) -> None:
        """A counter took a reading for a row sent again; the fall that it lies in may come after it."""
        if self._keep:
            self.resent.add(row)

    def drain(self) -> list[Glitch]:
        """Those in which something was counted that never was, each once."""
        if self._keep:
            return []
        fresh, self.fresh = self.fresh, []
        return [one for one in fresh if one.booked]

    def replace(self, device: int, points: Container[str], since: int, again: Iterable[Glitch]) -> None:
        """A re-evaluation of these points of a device from `since` µs on found `again`."""
        before = self.found.pop(device, [])
        self._touched.add(device)
        kept = [one for one in before if one.at < since or one.point not in points]
        for one in again:
            if one.device == device and not any(one.same(other) for other in kept):
                kept.append(one)
                if not any(one.same(other) for other in before):
                    self._count(self.seen, one.point)
        if kept:
            self.found[device] = sorted(kept, key=lambda one: one.at)

    def moved(self, device: int, known: Sequence[Glitch]) -> int:
        """Begin of the first glitch of a device in which something was booked and that `known` lacks, or has alone, µs;
        NEVER = there is none.
        """
        mine = self.found.get(device, ())
        other = [one for one in mine if not any(one.same(two) for two in known)]
        other += [one for one in known if not any(one.same(two) for two in mine)]
        return min((one.since for one in other if one.booked), default=NEVER)

    def counts(self, device: int | None) -> dict[str, int]:
        """Point -> how many there were of a device as known now, None = of all so far."""
        if device is None:
            return dict(self.seen)
        found = Counter(self.forgotten.get(device, {}))
        found.update(one.point for one in tuple(self.found.get(device, ())))
        return dict(found)

    def drain_touched(self) -> set[int]:
        """Devices whose counts may have changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def begin(self, device: int, start: int) -> int:
        """The latest moment at or before `start` µs that lies in no glitch of the device."""
        for one in sorted(self.found.get(device, ()), key=lambda one: one.at, reverse=True):
            if one.since < start <= one.at:
                start = one.since
        return start

    def step_back(self, to: int) -> None:
        """The clock was set back to `to` µs: none was later."""
        for device, found in self.found.items():
            self.found[device] = [replace(one, since=min(one.since, to), at=min(one.at, to)) for one in found]

    # --- what is known beforehand, when the past is judged once more
    def know(self, other: "Glitches") -> None:
        """What `other` found in the readings to come is none: a counter stands at the value it seemed to fall from."""
        self._ignored = frozenset(other.resent)
        for one in other.fresh:
            self._known.setdefault((one.device, one.component, one.point, one.model), []).append(one)

    def known(self, device: int, component: int, point: str, model: CounterModel | None) -> Sequence[Glitch]:
        """The glitches of a counter that were given to `know`."""
        return self._known.get((device, component, point, model), ())

    def ends(self, device: int, component: int, point: str, model: CounterModel | None, at: int) -> Glitch | None:
        """The glitch, known beforehand, that ends at `at` µs; of several the longest. None = none does."""
        mine = [one for one in self.known(device, component, point, model) if one.at == at]
        return min(mine, key=lambda one: one.since, default=None)

    def ignored(self, row: Resent) -> bool:
        """True for a row sent again in the readings given to `know`."""
        return row in self._ignored

    @property
    def any_known(self) -> bool:
        """True if anything was given to `know`."""
        return bool(self._known)

    # --- snapshot
    def state(self) -> GlitchesState:
        """For the snapshot, or for another engine: nothing in it is shared."""
        found = {device: list(some) for device, some in self.found.items()}
        return GlitchesState(found, {one: dict(some) for one, some in self.forgotten.items()}, dict(self.seen))

    def load(self, state: GlitchesState) -> None:
        """The inverse of `state`."""
        self.found, self.forgotten, self.seen = state.found, state.forgotten, state.seen
        self._touched = {*self.found, *self.forgotten}


def together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """What several, fed with the same readings, count by point: no glitch is counted twice."""
    found: dict[str, int] = {}
    for one in counts:
        for point, count in one.items():
            found[point] = max(count, found.get(point, 0))
    return found
