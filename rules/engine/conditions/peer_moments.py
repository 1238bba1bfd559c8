"""Views in which things also have the moments at which others gave them another peer value."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import F64, I64, U8, Flag, Quality
from rules.engine.conditions.base import ConditionEvaluator, first_frames
from rules.engine.conditions.wake_schedule import changed
from rules.engine.frames.batch_view import BatchView, Bools, ReadingRows
from rules.engine.peers.peer_columns import Peers
from rules.engine.peers.peer_values import others
from rules.engine.state.downtime import QUIET
from rules.engine.state.thing_table import LONG_AGO, NEVER

AT_ONCE = 2_000_000
"""Values of a group (moments x members) that are worked out at a time."""
Index = NDArray[np.intp]


class PeerChange(NamedTuple):
    """What signal `k` became worth: to whom, when; `flags` of the readings that did it; `unit` of its own, or -1."""

    k: Index
    thing: Index
    t: I64
    worth: F64
    flags: U8
    unit: Index

    def where(self, mask: Bools | Index) -> "PeerChange":
        """Some of them."""
        return PeerChange(
            self.k[mask], self.thing[mask], self.t[mask], self.worth[mask], self.flags[mask], self.unit[mask]
        )


class Overtaken(NamedTuple):
    """Readings of a group since `since` µs came after newer ones: `whose` are the places of those they may matter to
    among its `members`.
    """

    members: Index
    whose: Index
    since: int


def judge(evaluator: ConditionEvaluator, view: BatchView) -> None:
    """Judge the units of a view, and with `peers` the moments at which others changed.

    A moment that changes something decides without a reading: an older one of the thing's own is judged from history.
    """
    peers = evaluator.context.peers
    if peers is None:
        evaluator.follow(view)
        return
    overtaken, recent = _overtaken(peers, view, evaluator), peers.recent
    wide, newest = _Widening(peers, view, evaluator).done()
    _note_silences(wide, evaluator)
    first_frames(evaluator, wide)
    last = np.flatnonzero(np.append(wide.thing[1:] != wide.thing[:-1], np.ones(min(1, len(wide)), np.bool_)))
    last = last[wide.moments[last] & evaluator.watched[wide.thing[last]]]
    things = wide.thing[last]
    tables = evaluator.held_state()
    before = [table[..., things] for table in tables]
    evaluator.follow(wide)
    if recent is not None:
        judged = wide.carry(evaluator.judged) | (wide.newest_before() == LONG_AGO)
        recent.add(view)
        for unit in recent.note(wide, judged & evaluator.watched[wide.thing], evaluator.context.truth).tolist():
            thing = int(wide.thing[unit])
            if not peers.crowded(0, int(peers.group[0, thing])):
                evaluator.decided.reevaluate_soon(thing, int(wide.t[unit]))
    for k, things_of, worth in newest:
        peers.write(k, things_of, worth)
    for n in np.flatnonzero(changed(tables, before, things)).tolist():
        evaluator.decided.note(int(things[n]), int(wide.t[last[n]]))
    for one in overtaken:
        asked = one.members[one.whose] if recent is None else recent.otherwise(*one, evaluator.context.truth)
        for thing in asked[evaluator.watched[asked]].tolist():
            evaluator.decided.reevaluate_soon(thing, one.since)


def _overtaken(peers: Peers, view: BatchView, evaluator: ConditionEvaluator) -> list[Overtaken]:
    """What in the view is older than the newest reading of its group, not that from files, or as old where recent
    values do not show what that moment had turned; of groups so large that no other is judged again, those alone whose
    readings are much older.
    """
    found, space = [], view.space
    own = tuple(column for column in evaluator.judged if column not in peers.columns)
    live = ~view.moments & ((view.flags & Flag.IMPORTED) == 0)
    takes = (view.carry(own) | (view.newest_before() == LONG_AGO)) & evaluator.watched[view.thing]
    for k, point in enumerate(peers.points):
        group = peers.group[k, : len(space)]
        clock = np.full(len(peers.names) + 1, LONG_AGO, np.int64)
        np.maximum.at(clock, group, space.newest[: len(space)])
        inside, brings = peers.group[k, view.thing], view.present(point)
        first = clock + (peers.recent is None)
        late = np.flatnonzero(live & (brings | takes) & (inside >= 0) & (view.t < first[inside]))
        for row in np.unique(inside[late]).tolist():
            units, members = late[inside[late] == row], peers.members(k, row)
            if peers.crowded(k, row):
                some = units[takes[units] & (clock[row] - view.t[units] > peers.gap(k, view.thing[units]))]
                for thing, at in zip(view.thing[some].tolist(), view.t[some].tolist(), strict=True):
                    evaluator.decided.reevaluate_soon(thing, at)
                continue
            mine = np.isin(members, view.thing[units])
            whose = np.flatnonzero(mine | brings[units].any())
            found.append(Overtaken(members, whose, int(view.t[units].min())))
    return found


def _note_silences(wide: BatchView, evaluator: ConditionEvaluator) -> None:
    """Note the silences that met a down-time at the moments in them, and where it is still open whether they are."""
    downs = evaluator.common.downs
    if not downs.spans or evaluator.rule.downtime == "count" or not wide.moments.any():
        return
    index, count = np.arange(len(wide)), len(wide)
    before = np.maximum.accumulate(np.where(wide.moments, -1, index))
    after = np.minimum.accumulate(np.where(wide.moments, count, index)[::-1])[::-1]
    begin = np.where(before >= wide.first, wide.t[np.maximum(before, 0)], wide.space.newest[wide.thing])
    asked = wide.moments & (begin > LONG_AGO) & (begin < downs.latest) & evaluator.watched[wide.thing]
    for unit in np.flatnonzero(asked).tolist():
        since, t, thing, own = int(begin[unit]), int(wide.t[unit]), int(wide.thing[unit]), int(after[unit])
        if not downs.overlap(since, t):
            continue
        known = own < count and wide.thing[own] == thing
        end = int(wide.t[own]) if known else downs.next_reading(wide.space.things[thing], t)
        wide.spans[unit] = (since, t if end is None else max(end, t))
        usual = 3 * evaluator.context.every(thing, evaluator.judged)
        if end is None and (t - since <= usual or (not usual and t < downs.latest)):
            wide.open[unit] = (since, max(downs.latest + QUIET, since + usual + 1))


class _Widening:
    """One view and what it does to the peer values of a rule.

    The time of a group does not step back: what is older than its newest reading moves the others at that time, and
    when it is older by more than a gap, all of them are judged again from there.
    """

    def __init__(self, peers: Peers, view: BatchView, evaluator: ConditionEvaluator) -> None:
        self.peers, self.view, self.evaluator = peers, view, evaluator
        self.space = view.space
        judged = tuple(column for column in evaluator.judged if column not in peers.columns)
        self.first = view.newest_before() == LONG_AGO
        self.takes = view.carry(judged) | self.first
        self.newest: list[tuple[int, Index, F64]] = []

    def done(self) -> tuple[BatchView, list[tuple[int, Index, F64]]]:
        """The wider view, and (signal, things, peer values) as of its end."""
        peers, view, found = self.peers, self.view, list[PeerChange]()
        for k, point in enumerate(peers.points):
            inside = peers.group[k, view.thing]
            for row in np.unique(inside[(view.present(point) | self.first) & (inside >= 0)]).tolist():
                found += self._group(k, peers.members(k, row), np.flatnonzero(inside == row))
        if not found:
            return view, []
        return self._wider(_joined(found)), self.newest

    def _group(self, k: int, members: Index, units: Index) -> list[PeerChange]:
        """What the readings of a group in the view do to its members, and the peer values of their own units."""
        view, space, signal = self.view, self.space, self.peers.signals[k]
        carried = units[view.present(self.peers.points[k])[units]]
        clock = int(space.newest[members].max())
        self._reevaluate(carried[clock - view.t[carried] > self.peers.gap(k, view.thing[carried])])
        place = np.full(space.capacity, -1, np.intp)
        place[members] = np.arange(len(members))
        moments, step = np.unique(view.t[carried], return_inverse=True)
        unit_of = np.full((len(moments), len(members)), -1, np.intp)
        unit_of[step, place[view.thing[carried]]] = carried  # of several at one moment the last
        flags = np.zeros(len(moments), np.uint8)
        np.bitwise_or.at(flags, step, view.flags[carried])
        last, before = space.value[self.peers.points[k], members], space.value[self.peers.columns[k], members]
        own = _Own(view, units[self.takes[units]], place, moments, before)
        found, size = [], max(1, AT_ONCE // len(members))
        for start in range(0, len(moments), size):
            some = unit_of[start : start + size]
            number = np.maximum.accumulate(np.where(some >= 0, np.arange(len(some))[:, None], -1), axis=0)
            source = np.take_along_axis(some, np.maximum(number, 0), axis=0)
            values = np.where(number >= 0, view.value(self.peers.points[k])[source], last[None, :])
            worth = others(signal.what, values, signal.coverage)
            moved = _differ(worth, np.concatenate([before[None, :], worth[:-1]]))
            own.take(start, worth, moved)
            which, who = np.nonzero(moved)
            at = np.maximum(moments[start + which], clock)
            found.append(_moved(k, members[who], at, worth[which, who], flags[start + which]))
            last, before = values[-1], worth[-1]
        mine = own.carrying(view.t[own.units] <= clock) | self.first[own.units]
        here = own.units[mine]
        found.append(_moved(k, view.thing[here], view.t[here], own.worth[mine], view.flags[here], here))
        self.newest.append((k, members, before))
        return found

    def _reevaluate(self, units: Index) -> None:
        """What came too late for what was decided about the others; not history from files."""
        view, oldest = self.view, dict[int, int]()
        live = units[(view.flags[units] & Flag.IMPORTED) == 0]
        for thing, at in zip(view.thing[live].tolist(), view.t[live].tolist(), strict=True):
            oldest.setdefault(thing, at)
        for thing, at in oldest.items():
            self.evaluator.decided.reevaluate(thing, at)

    # --- the wider view
    def _wider(self, moved: PeerChange) -> BatchView:
        view = self.view
        alone = self._distinct(moved.where(moved.unit < 0))
        thing, t = (np.concatenate([a, b]) for a, b in ((view.thing, alone.thing), (view.t, alone.t)))
        order = np.lexsort((np.arange(len(t)) >= len(view), t, thing))
        new = np.ones(len(order), np.bool_)  # several signals that move at one moment are one unit
        extra = order >= len(view)
        new[1:] = ~(extra[1:] & extra[:-1] & (t[order][1:] == t[order][:-1]) & (np.diff(thing[order]) == 0))
        place = np.empty(len(order), np.int32)
        place[order] = np.cumsum(new) - 1
        kept = order[new]
        own = moved.where(moved.unit >= 0)
        moved = _joined([own, alone])
        quality = np.where(np.isnan(moved.worth), Quality.BAD, Quality.GOOD).astype(np.uint8)
        nothing = np.zeros(len(quality), np.int64)
        unit = np.concatenate([place[view.rows.unit], place[own.unit], place[len(view) :]])
        by_unit = np.argsort(unit, kind="stable")
        rows = ReadingRows(
            np.concatenate([view.rows.column, np.array(self.peers.columns, np.int32)[moved.k]])[by_unit],
            unit[by_unit],
            np.concatenate([view.rows.at, nothing + LONG_AGO])[by_unit],  # it has no time: silence is that of readings
            np.concatenate([view.rows.value, moved.worth])[by_unit],
            np.concatenate([view.rows.quality, quality])[by_unit],
            np.concatenate([view.rows.received, nothing])[by_unit],
        )
        flags = np.concatenate([view.flags, alone.flags])[kept]
        wide = BatchView(self.space, thing[kept], t[kept], flags, rows, view.head, view.head_t, extra[new])
        wide.spans = {int(place[k]): span for k, span in view.spans.items()}
        return wide

    def _distinct(self, alone: PeerChange) -> PeerChange:
        """Those that an own unit does not hold already, of things that have readings; the last one of each moment."""
        view, decided = self.view, self.evaluator.decided.until
        t = alone.t.copy()
        for n in np.flatnonzero(np.isin(alone.thing, list(decided))).tolist() if decided else ():
            k, thing = int(alone.k[n]), int(alone.thing[n])
            live = (alone.flags[n] & Flag.IMPORTED) == 0
            if live and t[n] <= decided[thing] and not self.peers.crowded(k, int(self.peers.group[k, thing])):
                self.evaluator.decided.reevaluate_soon(thing, int(t[n]))  # it is none of what was decided since
            t[n] = max(t[n], decided[thing])
        begin = np.where(self.space.newest > LONG_AGO, LONG_AGO, NEVER)
        begin[view.thing[::-1]] = np.minimum(begin[view.thing], view.t)[::-1]  # the first unit of each comes last
        taken = np.flatnonzero(self.takes)
        held = np.zeros(len(t), np.bool_)
        keys = set(zip(view.thing[taken].tolist(), view.t[taken].tolist(), strict=True))
        for n, key in enumerate(zip(alone.thing.tolist(), t.tolist(), strict=True)):
            held[n] = key in keys
        alone = alone._replace(t=t).where(~held & (t >= begin[alone.thing]))
        order = np.lexsort((np.arange(len(alone.t)), alone.k, alone.t, alone.thing))
        alone = alone.where(order)
        last = np.ones(len(order), np.bool_)
        last[:-1] = (np.diff(alone.thing) != 0) | (np.diff(alone.t) != 0) | (np.diff(alone.k) != 0)
        return alone.where(last)


class _Own:
    """Units of the members themselves, in the order of the view, and what the others are worth there."""

    def __init__(self, view: BatchView, units: Index, place: Index, moments: I64, before: F64) -> None:
        self.units = units
        self.thing, self.t = view.thing[units], view.t[units]
        self.member = place[self.thing]
        self.moment = np.searchsorted(moments, self.t, "right") - 1
        self.at_it: Bools = np.isin(self.t, moments)
        self.before = before[self.member]
        self.worth = self.before.copy()

    def take(self, start: int, worth: F64, moved: Bools) -> None:
        """The rows from `start` on of f64[moments, members], and where they are other than those before."""
        mine = np.flatnonzero((self.moment >= start) & (self.moment < start + len(worth)))
        row, who = self.moment[mine] - start, self.member[mine]
        self.worth[mine] = worth[row, who]
        self.at_it[mine] &= moved[row, who]

    def carrying(self, alone: Bools) -> Bools:
        """Where the others are worth something else than before. `alone`: no moment between it and the unit before."""
        before = self.before.copy()
        same = np.flatnonzero(np.diff(self.thing) == 0)
        before[same + 1] = self.worth[same]
        return np.where(alone, _differ(self.worth, before), self.at_it)


def _differ(a: F64, b: F64) -> Bools:
    found: Bools = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return found


def _moved(k: int, thing: NDArray[np.integer], t: I64, worth: F64, flags: U8, unit: Index | None = None) -> PeerChange:
    count = len(thing)
    where = np.full(count, -1, np.intp) if unit is None else unit
    return PeerChange(np.full(count, k, np.intp), thing.astype(np.intp), t, worth, flags, where)


def _joined(parts: Sequence[PeerChange]) -> PeerChange:
    return PeerChange(
        np.concatenate([one.k for one in parts]),
        np.concatenate([one.thing for one in parts]),
        np.concatenate([one.t for one in parts]),
        np.concatenate([one.worth for one in parts]),
        np.concatenate([one.flags for one in parts]),
        np.concatenate([one.unit for one in parts]),
    )
