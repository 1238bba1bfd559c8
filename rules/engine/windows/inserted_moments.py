"""A view with the moments between the units of a thing put in, where time alone may change something."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.domain.reading import I64
from rules.engine.frames.batch_view import BatchView, Bools, ReadingRows
from rules.engine.state.thing_table import LONG_AGO, NEVER
from rules.engine.windows.sliding_signal import SlidingSignal
from rules.engine.windows.wake_times import WakeTimes

Index = NDArray[np.intp]
ENDS = ""
"""The windows that close, beside the names of signals."""


class Runs(NamedTuple):
    """The things of a view: `group` of each unit; `first`, `last` unit of each thing."""

    group: Index
    first: Index
    last: Index


class InsertedMoments(NamedTuple):
    """Moments: number of the thing within the view, µs; `late`: also when a unit has that time, after it."""

    group: Index
    t: I64
    late: Bools


def unfolded(moments: WakeTimes, view: BatchView, inside: Bools) -> BatchView:
    """The view with what of the things `inside` may change between two of their units."""
    if view.unique:
        return view
    first = np.flatnonzero(view.first == np.arange(len(view)))
    last = np.append(first[1:], len(view)) - 1
    runs = Runs(np.repeat(np.arange(len(first)), last - first + 1), first, last)
    found = [*_ages(moments, view, inside, runs)]
    known: dict[str, list[InsertedMoments]] = {ENDS: [*_ends(moments, view, inside, runs)]}
    found += known[ENDS]
    for one in moments.sliding:
        mine = [*_windows(one, moments.grids, view, inside, runs), *_inner(one, moments, known, view, runs)]
        known[one.name] = mine
        found += mine
    return _put_in(view, runs, _distinct(view, runs, found), view.carry(moments.columns)) if found else view


def _ages(moments: WakeTimes, view: BatchView, inside: Bools, runs: Runs) -> Iterator[InsertedMoments]:
    """When comparisons with an age turn before the next unit of the thing."""
    follows = np.append(view.t[1:], LONG_AGO)
    follows[runs.last] = LONG_AGO
    for bound in moments.aging:
        for turn in bound.turns(view):
            hit = inside & (turn >= view.t) & (turn < follows)
            yield InsertedMoments(runs.group[hit], turn[hit], np.ones(int(hit.sum()), np.bool_))
        hit = inside & bound.changing(view)
        for grid in moments.grids if hit.any() else ():
            yield _on_grid(grid, runs.group[hit], view.t[hit], follows[hit] - 1)


def _windows(
    one: SlidingSignal, grids: Sequence[int], view: BatchView, inside: Bools, runs: Runs
) -> Iterator[InsertedMoments]:
    """When readings leave the window of a signal, and where else its value may change."""
    many = np.flatnonzero((runs.last > runs.first) & inside[runs.first])
    things, begin, end = (
        view.thing[runs.first[many]].astype(np.int64),
        view.t[runs.first[many]],
        view.t[runs.last[many]],
    )
    place = np.full(len(runs.first), -1, np.intp)
    place[many] = np.arange(len(many))
    incoming = one.read(view, inside)
    incoming = incoming.where(place[runs.group[incoming.unit]] >= 0)
    for item, t in one.leaving(things, begin, end):
        yield InsertedMoments(many[item], t, np.full(len(t), one.closed))
    known = incoming.where(~np.isnan(incoming.value))
    if one.over:
        yield InsertedMoments(runs.group[known.unit], known.at + one.over, np.full(len(known), one.closed))
    for item, start, stop in one.stretches(things, incoming, place[runs.group[incoming.unit]], begin, end):
        for grid in grids:
            yield _on_grid(grid, many[item], start, stop)


def _inner(
    one: SlidingSignal, moments: WakeTimes, known: Mapping[str, list[InsertedMoments]], view: BatchView, runs: Runs
) -> Iterator[InsertedMoments]:
    """When values of other signals that came between units leave its window."""
    feed = one.feed
    if feed is None or not feed.nested or moments.windows is None:
        return
    for name in sorted(feed.names):
        for found in known.get(name, ()):
            yield InsertedMoments(found.group, found.t + one.over, found.late)
    closes = feed.by_windows or one.name in moments.windows.chain.mixed
    for ends in known.get(ENDS, ()) if closes and one.over else ():
        yield InsertedMoments(ends.group, ends.t + one.over, ends.late)
        some, first = np.unique(ends.group, return_index=True)
        for grid in moments.grids:
            yield _on_grid(grid, some, ends.t[first], view.t[runs.last[some]])


def _ends(moments: WakeTimes, view: BatchView, inside: Bools, runs: Runs) -> Iterator[InsertedMoments]:
    """Where windows end between the units of a thing, in order."""
    for window in moments.closing:
        for group in np.flatnonzero((runs.last > runs.first) & inside[runs.first]).tolist():
            thing, last = int(view.thing[runs.first[group]]), int(view.t[runs.last[group]])
            ends, end = [], int(view.t[runs.first[group]]) - 1
            while (end := window.clock.window(thing, end)[1]) < last:
                ends.append(end)
            yield InsertedMoments(np.full(len(ends), group), np.array(ends, np.int64), np.ones(len(ends), np.bool_))


def _on_grid(grid: int, group: Index, begin: I64, end: I64) -> InsertedMoments:
    """Every multiple of `grid` after `begin` up to `end`."""
    first = begin // grid + 1
    count = np.maximum(end // grid + 1 - first, 0)
    step = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    return InsertedMoments(
        np.repeat(group, count), (np.repeat(first, count) + step) * grid, np.zeros(len(step), np.bool_)
    )


def _distinct(view: BatchView, runs: Runs, found: Sequence[InsertedMoments]) -> InsertedMoments:
    """Each moment once, those strictly inside the time of their thing in the view."""
    group = np.concatenate([one.group for one in found]).astype(np.intp)
    t = np.concatenate([one.t for one in found])
    late = np.concatenate([one.late for one in found])
    inner = np.flatnonzero((t < view.t[runs.last][group]) & (t >= view.t[runs.first][group]))
    order = inner[in_order(group[inner], t[inner])]
    group, t, late = group[order], t[order], late[order]
    new = np.ones(len(t), np.bool_)
    new[1:] = (group[1:] != group[:-1]) | (t[1:] != t[:-1])
    first = np.flatnonzero(new)
    return InsertedMoments(group[first], t[first], np.logical_or.reduceat(late, first) if len(first) else late)


def in_order(group: Index, t: I64) -> Index:
    """By group, then time; of the same the first comes first. Whole numbers of both in one are sorted faster."""
    if not len(t):
        return np.zeros(0, np.intp)
    begin, span = int(t.min()), int(t.max()) - int(t.min()) + 1
    if (int(group.max()) + 1) * span < NEVER:
        return np.argsort(group * span + (t - begin), kind="stable")
    return np.lexsort((t, group))


def _put_in(view: BatchView, runs: Runs, found: InsertedMoments, judged: Bools) -> BatchView:
    """The view with these moments as units of their own; `judged` units are those of their time, too."""
    if not len(found.t):
        return view
    group, t = np.concatenate([runs.group, found.group]), np.concatenate([view.t, found.t])
    order = in_order(group, t)  # units before the moments of their time
    moment = order >= len(view)
    group, t = group[order], t[order]
    same = np.zeros(len(t), np.bool_)
    same[1:] = moment[1:] & (t[1:] == t[:-1]) & (group[1:] == group[:-1])
    same[1:] &= np.concatenate([judged, np.ones(len(found.t), np.bool_)])[order][:-1]
    kept = ~same | np.concatenate([np.ones(len(view), np.bool_), found.late])[order]
    order, t, moment = order[kept], t[kept], moment[kept]
    if not moment.any():
        return view
    unit = np.flatnonzero(~moment).astype(np.int32)
    before = np.maximum.accumulate(np.where(moment, 0, order))
    rows = view.rows
    merged = ReadingRows(rows.column, unit[rows.unit], rows.at, rows.value, rows.quality, rows.received)
    found_view = BatchView(
        view.space,
        view.thing[before],
        t,
        view.flags[before],
        merged,
        view.head,
        view.head_t,
        moment | view.moments[before],
    )
    found_view.open = {int(unit[k]): span for k, span in view.open.items()}
    for k, span in view.spans.items():  # also the moments of a silence have it
        stop = int(unit[k])
        begin = int(unit[k - 1]) + 1 if k and view.thing[k - 1] == view.thing[k] else stop
        found_view.spans |= dict.fromkeys(range(begin, stop + 1), span)
    return found_view
