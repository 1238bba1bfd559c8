"""Glitches of counters: falls that were taken back (RULES section 4). What is remembered of them, and put right."""

from collections.abc import Container, Iterable, Sequence

import msgspec
from msgspec import Struct

from gateway.domain.device import CounterModel

REMEMBERED = 64
"""Glitches of each device; more are counted only."""


class Glitch(Struct, frozen=True):
    """`point` of a device seemed to fall from `value` after `since` µs and was back at `at` µs.

    `booked`: something was counted in between that never was. `model` is the rule's own, None = the profile's.
    """

    device: int
    component: int
    point: str
    model: CounterModel | None
    value: float
    since: int
    at: int
    booked: bool

    def same(self, other: "Glitch") -> bool:
        """The same one, seen by another rule or another component."""
        mine, theirs = ((one.point, one.value, one.since, one.at) for one in (self, other))
        return mine == theirs


Resent = tuple[int, int, str, CounterModel | None, int]
"""(device, component, point, model, at µs) of a row that was sent again."""


class Glitches:
    """Of all devices. `fresh`: those that `drain` has not returned yet; with `keep` all of them."""

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self.resent: set[Resent] = set()
        self._ignored: frozenset[Resent] = frozenset()
        self.fresh: list[Glitch] = []
        self.found: dict[int, list[Glitch]] = {}
        self.forgotten: dict[int, int] = {}  # how many older ones of a device are not in `found` any more
        self._known: dict[tuple[int, int, str, CounterModel | None], list[Glitch]] = {}

    # --- what was found
    def add(self, glitch: Glitch) -> None:
        """A counter found one."""
        self.fresh.append(glitch)
        mine = self.found.setdefault(glitch.device, [])
        if any(glitch.same(one) for one in mine):
            return
        mine.append(glitch)
        if len(mine) > REMEMBERED:
            self.forgotten[glitch.device] = self.forgotten.get(glitch.device, 0) + len(mine) - REMEMBERED
            del mine[:-REMEMBERED]

    def add_resent(self, row: Resent) -> None:
        """A counter took a reading for a row sent again."""
        if self._keep:
            self.resent.add(row)

    def drain(self) -> list[Glitch]:
        """Those in which something was counted that never was, each once."""
        if self._keep:
            return []
        fresh, self.fresh = self.fresh, []
        return [one for one in fresh if one.booked]

    def replace(self, device: int, points: Container[str], since: int, again: Iterable[Glitch]) -> None:
        """A second look at these points of a device from `since` µs on found `again`."""
        kept = [one for one in self.found.pop(device, []) if one.at < since or one.point not in points]
        for one in again:
            if one.device == device and not any(one.same(other) for other in kept):
                kept.append(one)
        if kept:
            self.found[device] = sorted(kept, key=lambda one: one.at)

    def count(self, device: int) -> int:
        """How many there were of a device."""
        return len(self.found.get(device, ())) + self.forgotten.get(device, 0)

    def begin(self, device: int, start: int) -> int:
        """The latest moment at or before `start` µs that lies in no glitch of the device."""
        for one in sorted(self.found.get(device, ()), key=lambda one: one.at, reverse=True):
            if one.since < start <= one.at:
                start = one.since
        return start

    # --- what is known beforehand, when the past is judged once more
    def know(self, other: "Glitches") -> None:
        """What `other` found in the readings to come is none: a counter stands at the value it seemed to fall from."""
        self._ignored = frozenset(other.resent)
        for one in other.fresh:
            self._known.setdefault((one.device, one.component, one.point, one.model), []).append(one)

    def known(self, device: int, component: int, point: str, model: CounterModel | None) -> Sequence[Glitch]:
        """What `know` said of a counter."""
        return self._known.get((device, component, point, model), ())

    def ignored(self, row: Resent) -> bool:
        """Was it a row sent again, in readings of which `know` told?"""
        return row in self._ignored

    @property
    def any_known(self) -> bool:
        """Did `know` say anything?"""
        return bool(self._known)

    # --- snapshot
    def state(self) -> bytes:
        """For the snapshot."""
        return _encoder.encode((self.found, self.forgotten))

    def load(self, blob: bytes) -> None:
        """The inverse of `state`."""
        if blob:
            self.found, self.forgotten = _decoder.decode(blob)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[dict[int, list[Glitch]], dict[int, int]])
