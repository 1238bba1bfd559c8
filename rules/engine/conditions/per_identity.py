"""`identity`: one alarm per thing and text, such as a fault code (RULES section 1).

Every text has a life of its own: a lane is a whole level runner that knows which text each of its things is about. The
condition of an alarm whose text is not the present one is false; it ends by the rule's `clear`, or by that.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.domain.alarm import SignalSeen
from rules.compiled import Rule
from rules.engine.binding.bound_expression import BoundExpression, SlotSource
from rules.engine.binding.text_value import TextValue
from rules.engine.conditions.base import EngineContext, Runner
from rules.engine.conditions.threshold import LevelsRunner
from rules.engine.conditions.threshold_state import G_IDLE, G_OUTSIDE
from rules.engine.conditions.windowed import Signalled, later_too
from rules.engine.frames.batch_view import BatchView, Bools, Reader, UnitsAt
from rules.engine.state.thing_table import NEVER, ThingTable

LANES = 64  # alarms of one thing at a time; more are counted, not told
NAN = float("nan")
Texts = tuple[str, ...]


class IdentityThreshold(LevelsRunner):
    """The alarms of one text per thing. `owner`: thing -> its text. Signals are those of the rule, not its own."""

    def __init__(
        self, rule: Rule, zone: str, space: ThingTable, common: EngineContext, parent: "IdentityRunner"
    ) -> None:
        self.parent = parent
        super().__init__(replace(rule, signals=(), identity=()), zone, space, common)
        self.rule, self.decided = rule, parent.decided
        self.owner: dict[int, Texts] = {}

    def source(self) -> SlotSource:
        return self.parent.signal

    def signals_seen(
        self, thing: int, at: int, view: BatchView | None, unit: int, *, before: bool
    ) -> tuple[SignalSeen, ...]:
        return self.parent.signals_seen(thing, at, view, unit, before=before)

    def identity(self, thing: int) -> Texts:
        return self.owner.get(thing, ())

    def by_time(self) -> Sequence[BoundExpression]:
        """None: the parent looks at its lanes."""
        return ()

    def free(self, thing: int) -> None:
        """A thing without an alarm here, or one on its way, has no text."""
        if self.m_gate[thing] in (G_IDLE, G_OUTSIDE):
            self.owner.pop(thing, None)

    def judge_opening(self, i: int, at: int, view: BatchView | None, unit: int) -> None:
        """What the hours begin with is judged for all texts by the parent."""


class IdentityRunner(Signalled):
    """State: that of a level runner per lane; lanes are as many as one thing has alarms at a time.

    `overflow` counts alarms that found no lane.
    """

    def __init__(self, rule: Rule, zone: str, space: ThingTable, common: EngineContext) -> None:
        super().__init__(rule, zone, space, common)
        self.lanes: list[IdentityThreshold] = []
        self.wordings = [TextValue(text, space, common.world, self.signal) for text in rule.identity]
        self.overflow = 0
        first = self._lane()
        own = dict.fromkeys(column for wording in self.wordings for column in wording.columns)
        self.judged = tuple(dict.fromkeys([*first.judged, *own]))

    def _lane(self) -> IdentityThreshold:
        lane = IdentityThreshold(self.rule, self.zone, self.space, self.common, self)
        lane.watched = self.watched
        lane.grow()
        if self.lanes:
            lane.refresh(range(len(self.space)), self.common.world.changes, "")
        self.lanes.append(lane)
        return lane

    def bounds(self) -> Sequence[BoundExpression]:
        return [bound for wording in self.wordings for bound in wording.bounds()]

    def held_state(self) -> list[NDArray[Any]]:
        return [*super().held_state(), *(table for lane in self.lanes for table in lane.held_state())]

    def by_time(self) -> Sequence[BoundExpression]:
        return [*self.bounds(), *self.lanes[0].conditions()]

    def counted(self) -> frozenset[str]:
        return super().counted() | self.lanes[0].counted()

    def grow(self) -> None:
        super().grow()
        for lane in self.lanes:
            lane.grow()

    def refresh(self, things: Sequence[int], at: int, reason: str) -> None:
        super().refresh(things, at, reason)
        for lane in self.lanes:
            lane.refresh(things, at, reason)

    def silent_in(self, view: BatchView) -> None:
        for lane in self.lanes:
            lane.silent_in(view)

    # --- readings
    def frames(self, view: BatchView) -> None:
        if self.signal_frames(view):
            return
        carry = view.carry(self.judged) & self.watched[view.thing]
        if not carry.any():
            return
        need = carry
        if not self.common.scalar:
            need = carry & self._busy()[view.thing]
            for bound in self.lanes[0].when:
                need |= carry & (bound.vector(view) == 1.0)
            if self.schedule is not None:
                need |= carry & (view.t > self.opens[view.thing])
            need = later_too(view, need, carry)
        for unit in np.flatnonzero(need).tolist():
            self.judge_unit(view, unit)

    def first_frames(self, view: BatchView, units: NDArray[np.intp]) -> None:
        picked = UnitsAt(view, units)
        met = np.zeros(len(units), np.bool_)
        for bound in self.lanes[0].when:
            met |= self.truth(bound, picked) == 1.0
        for unit in units[met].tolist():
            self.judge_unit(view, unit)

    def _busy(self) -> Bools:
        found: Bools = self.lanes[0].gate != G_IDLE
        for lane in self.lanes[1:]:
            found |= lane.gate != G_IDLE
        return found

    def judge_unit(self, view: BatchView, unit: int) -> None:
        thing, t = int(view.thing[unit]), int(view.t[unit])
        for lane in self.lanes:
            if self.rule.clear_after and lane.m_alarm[thing]:
                heard = max(int(view.good_at_before(column)[unit]) for column in self.columns)
                lane.gone_quiet(thing, heard + self.rule.clear_after, t - 1, view, unit)
        opening = self.reopened(thing, t)
        if opening is not None:
            self._judge(thing, opening, self.one(thing, opening, view, unit, before=True), view, unit, before=True)
        self._judge(thing, t, UnitsAt(view, np.array([unit])), view, unit, reading=not view.moments[unit])

    def window_closed(self, thing: int, end: int, reader: Reader, view: BatchView | None, unit: int) -> None:
        self._judge(thing, end, reader, view, unit, reading=True, before=True)

    def _judge(
        self, thing: int, t: int, reader: Reader, view: BatchView | None, unit: int, *, reading: bool = False,
        before: bool = False,
    ) -> None:  # fmt: skip
        """All texts of a thing meet the truth at `t`."""
        if self.decided and view is not None and self.overtaken(thing, t, moment=bool(view.moments[unit])):
            return
        first = self.lanes[0]
        when = [float(self.truth(bound, reader)[0]) for bound in first.when]
        clear = [None if bound is None else float(self.truth(bound, reader)[0]) for bound in first.clear]
        texts = self._texts(reader)
        mine = next((lane for lane in self.lanes if lane.owner.get(thing) == texts), None)
        if texts is not None and mine is None and 1.0 in when:
            mine = self._take(thing, texts)
        for lane in list(self.lanes):
            if thing not in lane.owner:
                continue
            here = when
            if lane is not mine:
                here = [0.0 if texts is not None or truth == 0.0 else NAN for truth in when]
            ends = [1.0 - truth if own is None else own for own, truth in zip(clear, here, strict=True)]
            lane.look_back(None if reading else view, unit)
            lane.judge(thing, t, here, ends, view, unit, reading=reading, before=before)
            lane.look_back(None, -1)
            lane.free(thing)

    def _texts(self, reader: Reader) -> Texts | None:
        found = [wording.read(reader) for wording in self.wordings]
        return None if None in found else tuple(text for text in found if text is not None)

    def _take(self, thing: int, texts: Texts) -> IdentityThreshold | None:
        """A lane for a text that is new to the thing; None when all are taken."""
        lane = next((lane for lane in self.lanes if thing not in lane.owner), None)
        if lane is None:
            if len(self.lanes) == LANES:
                self.overflow += 1
                return None
            lane = self._lane()
        lane.owner[thing] = texts
        return lane

    # --- engine time, facts
    def tick(self, now: int) -> None:
        self.close_windows(now)
        for thing, opening in self.reopenings(now):
            for lane in self.lanes:
                lane.fire_at_tick(thing, opening)
            self._judge(thing, opening, self.one(thing, opening, None, -1), None, -1)
        self.soonest = NEVER  # the lanes have the timers
        for lane in self.lanes:
            lane.tick(now)
            for thing in [thing for thing in lane.owner if lane.m_gate[thing] == G_IDLE]:
                lane.free(thing)

    def next_due(self) -> int:
        return min(super().next_due(), *(lane.next_due() for lane in self.lanes))

    def revalue(self, things: Sequence[int], at: int) -> None:
        for thing in things:
            if self.watched[thing]:
                self._judge(thing, at, self.one(thing, at, None, -1), None, -1)

    def unlatch(self, thing: int, at: int, identity: Texts = ()) -> None:
        for lane in self.lanes:
            if thing in lane.owner and identity in ((), lane.owner[thing]):
                lane.release(thing)
        self.revalue([thing], at)

    def end(self, thing: int, at: int, reason: str) -> None:
        for lane in self.lanes:
            lane.end(thing, at, reason)
            lane.owner.pop(thing, None)
        if self.windows is not None:
            self.windows.forget(thing)

    # --- its state, for others
    def is_on(self, thing: int) -> int:
        return max(lane.is_on(thing) for lane in self.lanes)

    def on(self, thing: int) -> tuple[tuple[Texts, int], ...]:
        return tuple(sorted((lane.owner[thing], lane.is_on(thing)) for lane in self.lanes if lane.is_on(thing)))

    def take_row(self, thing: int, other: Runner, row: int) -> None:
        assert isinstance(other, IdentityRunner), "rows move between runners of one rule only"
        super().take_row(thing, other, row)
        while len(self.lanes) < len(other.lanes):
            self._lane()
        for k, lane in enumerate(self.lanes):
            lane.owner.pop(thing, None)
            if k < len(other.lanes):
                lane.take_row(thing, other.lanes[k], row)
                if row in other.lanes[k].owner:
                    lane.owner[thing] = other.lanes[k].owner[row]
            else:
                lane.forget(thing)
                lane.regate(thing)

    def memory(self) -> int:
        return super().memory() + sum(lane.memory() + 64 * len(lane.owner) for lane in self.lanes)

    def adopt(self, old: Runner) -> None:
        assert isinstance(old, IdentityRunner), "edits keep state only between rules of one shape"
        super().adopt(old)
        while len(self.lanes) < len(old.lanes):
            self._lane()
        for lane, before in zip(self.lanes, old.lanes, strict=True):
            lane.adopt(before)
            lane.owner = dict(before.owner)

    def edited(self, old: Runner, at: int) -> None:
        assert isinstance(old, IdentityRunner), "edits keep state only between rules of one shape"
        self.grow()
        while len(self.lanes) < len(old.lanes):
            self._lane()
        if self.windows is not None and old.windows is not None:
            self.windows.adopt(old.windows)
        self.watched, self.decided = old.watched, old.decided
        self.reschedule(old)
        for lane, before in zip(self.lanes, old.lanes, strict=True):
            lane.owner = dict(before.owner)
            lane.inherit(before)
        everything = range(len(self.space))
        self.refresh(everything, at, "rule_changed")
        for lane in self.lanes:
            lane.settle_all(at)
        self.revalue(everything, at)

    # --- snapshot
    def state(self) -> dict[str, NDArray[Any]]:
        lanes = {f"{k}.{name}": table for k, lane in enumerate(self.lanes) for name, table in lane.state().items()}
        return super().state() | lanes

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        super().load(state)
        count = 1 + max((int(name.split(".")[0]) for name in state if name[0].isdigit()), default=0)
        while len(self.lanes) < count:
            self._lane()
        for k, lane in enumerate(self.lanes):
            lane.load({n.split(".", 1)[1]: table for n, table in state.items() if n.startswith(f"{k}.")})

    def extra(self) -> bytes:
        lanes = [(list(lane.owner.items()), lane.extra()) for lane in self.lanes]
        return msgspec.msgpack.encode((self.overflow, lanes))

    def load_extra(self, blob: bytes) -> None:
        if not blob:
            return
        kind = tuple[int, list[tuple[list[tuple[int, Texts]], bytes]]]
        self.overflow, lanes = msgspec.msgpack.decode(blob, type=kind)
        for lane, (owner, extra) in zip(self.lanes, lanes, strict=True):
            lane.owner = dict(owner)
            lane.load_extra(extra)
