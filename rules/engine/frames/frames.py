"""From a batch to views: late and repeated readings out, frames whole, components filled from their device.

Readings of one message or poll cycle form one frame per device. A frame that brings a point twice is a buffered series
and is judged moment by moment.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.domain.engine_status import ReadingCounts
from gateway.domain.reading import F64, I32, I64, U8, Batch, Flag
from rules.engine.frames.batch_view import BatchView, ReadingRows
from rules.engine.state.fleet import Fleet
from rules.engine.state.thing_table import LONG_AGO, ThingTable

WIDEST = 64
DIFFERENT: I32 = np.zeros(0, np.int32)
KEPT_FLAGS = np.uint8(Flag.IMPORTED | Flag.CLOCK_SUSPECT)


class Late:
    """Readings older than the newest applied one of their device: device -> the oldest `at` that is to be judged.

    `replaced`: (device, point, µs) of values that came in place of another one that had been applied.
    """

    def __init__(self, accept: int) -> None:
        self.accept = accept
        self.found: dict[int, int] = {}
        self.replaced: list[tuple[int, int, int]] = []

    def add(self, device: int, at: int, received: int) -> bool:
        """Note one; False when it came more than `accept` µs too late."""
        if received - at > self.accept:
            return False
        self.found[device] = min(at, self.found.get(device, at))
        return True


@dataclass(frozen=True, slots=True, eq=False)
class DeviceMoments:
    """Rows grouped by device and, within it, by moment: `run` i32[n] rises; t i64, device i32 per run.

    `whole` i32[k]: the points of every run, when all runs bring the same ones in the same order, each once; else empty.
    """

    device: I32
    point: I32
    at: I64
    value: F64
    quality: U8
    flags: U8
    received: I64
    run: I32
    run_device: I32
    run_t: I64
    whole: I32


def views(world: Fleet, batch: Batch, counts: ReadingCounts, late: Late) -> Iterator[BatchView]:
    """The views of a batch, one per space, in the order in which spaces were made."""
    known = _known(world, batch)
    if known is not None:
        counts.unknown += int(len(batch) - known.sum())
        batch = batch.select(known)
    batch = _believed(batch)
    if not len(batch):
        return
    moments = _moments(world, batch, counts, late)
    if not len(moments.at):
        return
    counts.judged += len(moments.at)
    spaces = world.space_of[moments.run_device]
    for number in np.flatnonzero(np.bincount(spaces)).tolist():
        space = world.space_list[number]
        if (spaces == number).all():
            yield _view(world, space, moments)
        else:
            yield _view(world, space, _select(moments, spaces == number))


def _believed(batch: Batch) -> Batch:
    """Without replays of retained messages, which are not of now; values that their profile calls implausible are
    unknown (RULES section 3), whatever they are."""
    if not batch.flags.any():
        return batch
    batch = batch.select((batch.flags & np.uint8(Flag.RETAINED)) == 0)
    hit = (batch.flags & np.uint8(Flag.IMPLAUSIBLE)) != 0
    return dataclasses.replace(batch, value=np.where(hit, np.nan, batch.value)) if hit.any() else batch


def _known(world: Fleet, batch: Batch) -> NDArray[np.bool_] | None:
    """Which readings are of known devices and points; None = all."""
    device, point = batch.device, batch.point
    if not len(batch):
        return None
    if (
        min(device.min(), point.min()) < 0
        or device.max() >= len(world.space_of)
        or point.max() >= len(world.point_defined)
    ):
        return _known_slow(world, batch)
    known: NDArray[np.bool_] = (world.space_of[device] >= 0) & world.point_defined[point]
    return None if known.all() else known


def _known_slow(world: Fleet, batch: Batch) -> NDArray[np.bool_]:
    devices, points = len(world.space_of), world.points
    return np.array(
        [
            0 <= d < devices and world.space_of[d] >= 0 and p in points
            for d, p in zip(batch.device.tolist(), batch.point.tolist(), strict=True)
        ],
        np.bool_,
    )


def _moments(world: Fleet, batch: Batch, counts: ReadingCounts, late: Late) -> DeviceMoments:
    device, frame = batch.device, batch.frame
    starts = _starts(device, frame)
    mark = np.zeros(int(device.max()) + 1, np.int32)
    number = np.arange(len(starts), dtype=np.int32)
    mark[device[starts]] = number
    if not (mark[device[starts]] == number).all():
        order = np.argsort(device, kind="stable")
        batch = batch.select(order)
        device, frame = batch.device, batch.frame
        starts = _starts(device, frame)
        number = np.arange(len(starts), dtype=np.int32)
    lengths = np.diff(np.append(starts, len(device)))
    run = np.repeat(number, lengths)
    run_device = device[starts]
    newest = _newest(world, run_device)
    whole = _whole(batch.point, run, len(starts))
    run_t, run_low = _ends(batch.at, starts, len(whole))
    before = newest.copy()
    same = run_device[1:] == run_device[:-1]
    before[1:][same] = run_t[:-1][same]
    odd = run_low <= before
    if not len(whole):
        odd |= _repeats(batch.point, run, int(lengths.max()), len(starts))
    received = batch.received[batch.frame]
    plain = DeviceMoments(
        device, batch.point, batch.at, batch.value, batch.quality, batch.flags, received, run, run_device, run_t, whole
    )
    if not odd.any():
        return plain
    odd_device = np.zeros(len(mark), np.bool_)
    odd_device[run_device[odd]] = True
    sorted_out = _sorted_out(world, plain, odd_device, newest, counts, late)
    return _joined(_select(plain, ~odd_device[run_device]), sorted_out)


def _starts(device: I32, frame: I32) -> NDArray[np.intp]:
    new = np.ones(len(device), np.bool_)
    new[1:] = (device[1:] != device[:-1]) | (frame[1:] != frame[:-1])
    return np.flatnonzero(new)


def _whole(point: I32, run: I32, runs: int) -> I32:
    """The points of every run, when all bring the same ones in the same order, each once; else none."""
    width = len(point) // max(runs, 1)
    if not width:
        return DIFFERENT
    first, ends = point[:width], run[::width]
    if width * runs != len(point) or width > WIDEST or len(set(first.tolist())) < width:
        return DIFFERENT
    like = bool((run[width - 1 :: width] == ends).all()) and bool((point.reshape(runs, width) == first).all())
    return first if like else DIFFERENT


def _ends(at: I64, starts: NDArray[np.intp], width: int) -> tuple[I64, I64]:
    """The newest and the oldest `at` of every run; `width`: rows of each, 0 = they differ."""
    if not width:
        return np.maximum.reduceat(at, starts), np.minimum.reduceat(at, starts)
    newest = oldest = at[::width]
    for place in range(1, width):
        newest, oldest = np.maximum(newest, at[place::width]), np.minimum(oldest, at[place::width])
    return newest, oldest


def _newest(world: Fleet, run_device: I32) -> I64:
    newest = np.full(len(run_device), LONG_AGO, np.int64)
    spaces, things = world.space_of[run_device], world.thing_of[run_device, 0]
    for number, space in enumerate(world.space_list):
        mask = spaces == number
        newest[mask] = space.newest[things[mask]]
    return newest


def _repeats(point: I32, run: I32, longest: int, runs: int) -> NDArray[np.bool_]:
    odd = np.zeros(runs, np.bool_)
    if longest <= 16:
        for lag in range(1, longest):
            twice = (point[lag:] == point[:-lag]) & (run[lag:] == run[:-lag])
            odd[run[lag:][twice]] = True
        return odd
    key = run.astype(np.int64) * (int(point.max()) + 1) + point
    values, count = np.unique(key, return_counts=True)
    odd[(values[count > 1] // (int(point.max()) + 1)).astype(np.int64)] = True
    return odd


def _select(moments: DeviceMoments, runs: NDArray[np.bool_]) -> DeviceMoments:
    rows = runs[moments.run]
    number = (np.cumsum(runs) - 1).astype(np.int32)
    point, run = moments.point[rows], number[moments.run[rows]]
    return DeviceMoments(
        moments.device[rows],
        point,
        moments.at[rows],
        moments.value[rows],
        moments.quality[rows],
        moments.flags[rows],
        moments.received[rows],
        run,
        moments.run_device[runs],
        moments.run_t[runs],
        _whole(point, run, int(np.count_nonzero(runs))),
    )


def _joined(a: DeviceMoments, b: DeviceMoments) -> DeviceMoments:
    if not len(b.at):
        return a
    return DeviceMoments(
        np.concatenate([a.device, b.device]),
        np.concatenate([a.point, b.point]),
        np.concatenate([a.at, b.at]),
        np.concatenate([a.value, b.value]),
        np.concatenate([a.quality, b.quality]),
        np.concatenate([a.flags, b.flags]),
        np.concatenate([a.received, b.received]),
        np.concatenate([a.run, b.run + np.int32(len(a.run_t))]),
        np.concatenate([a.run_device, b.run_device]),
        np.concatenate([a.run_t, b.run_t]),
        DIFFERENT,
    )


def _sorted_out(
    world: Fleet, moments: DeviceMoments, odd: NDArray[np.bool_], newest: I64, counts: ReadingCounts, late: Late
) -> DeviceMoments:
    """The slow way for devices whose rows repeat, collide or come late: row by row."""
    rows = np.flatnonzero(odd[moments.device])
    device, point, at = moments.device[rows].tolist(), moments.point[rows].tolist(), moments.at[rows].tolist()
    run = moments.run[rows].tolist()
    kept: list[int] = []
    runs: list[int] = []
    run_device: list[int] = []
    run_t: list[int] = []
    seen: dict[tuple[int, int], tuple[int, float, int]] = {}
    newest_now: dict[int, int] = {}
    index = 0
    while index < len(rows):
        stop = index
        while stop < len(rows) and run[stop] == run[index]:
            stop += 1
        mine = device[index]
        floor = newest_now.setdefault(mine, int(newest[run[index]]))
        frame: dict[tuple[int, int], int] = {}
        for k in range(index, stop):
            row = int(rows[k])
            fate = _fate(world, moments, row, seen)
            if at[k] < floor and fate != "duplicate":
                counts.late += 1
                counts.expired += not late.add(mine, at[k], int(moments.received[row]))
                continue
            if fate == "duplicate":
                counts.duplicate += 1
                continue
            counts.conflict += fate == "conflict"
            if fate == "conflict" and (point[k], at[k]) not in frame:
                late.replaced.append((mine, point[k], at[k]))
            seen[mine, point[k]] = (at[k], float(moments.value[row]), int(moments.quality[row]))
            frame[point[k], at[k]] = row
        for group in _cut(frame):
            kept += group
            runs += [len(run_t)] * len(group)
            run_device.append(mine)
            run_t.append(max(int(moments.at[row]) for row in group))
            newest_now[mine] = max(newest_now[mine], run_t[-1])
        index = stop
    pick = np.array(kept, np.intp)
    return DeviceMoments(
        moments.device[pick],
        moments.point[pick],
        moments.at[pick],
        moments.value[pick],
        moments.quality[pick],
        moments.flags[pick],
        moments.received[pick],
        np.array(runs, np.int32),
        np.array(run_device, np.int32),
        np.array(run_t, np.int64),
        DIFFERENT,
    )


def _cut(frame: dict[tuple[int, int], int]) -> list[list[int]]:
    """A frame whole, or by moment when it brings a point more than once."""
    points = {point for point, _ in frame}
    if len(points) == len(frame):
        return [list(frame.values())] if frame else []
    moments: dict[int, list[int]] = {}
    for (_, at), row in frame.items():
        moments.setdefault(at, []).append(row)
    return [moments[at] for at in sorted(moments)]


def _fate(world: Fleet, moments: DeviceMoments, row: int, seen: dict[tuple[int, int], tuple[int, float, int]]) -> str:
    device, point, at = int(moments.device[row]), int(moments.point[row]), int(moments.at[row])
    before = seen.get((device, point)) or _newest_row(world, device, point)
    if before is None or before[0] != at:
        return "new"
    value, quality = float(moments.value[row]), int(moments.quality[row])
    same = (before[1] == value or (before[1] != before[1] and value != value)) and before[2] == quality
    return "duplicate" if same else "conflict"


def _newest_row(world: Fleet, device: int, point: int) -> tuple[int, float, int] | None:
    row = world.rows[device]
    component = int(world.point_component[point])
    column = row.space.columns.get(world.points[point].name)
    if column is None or component >= len(row.things):
        return None
    thing = row.things[component]
    space = row.space
    return int(space.at[column, thing]), float(space.value[column, thing]), int(space.quality[column, thing])


def _view(world: Fleet, space: ThingTable, moments: DeviceMoments) -> BatchView:
    names = world.point_name
    used = moments.whole.tolist() or np.flatnonzero(np.bincount(moments.point)).tolist()
    table = np.zeros(max(used) + 1, np.int32)
    for point in used:
        table[point] = space.column(names[point])
    column = table[moments.point]
    flags_of_run = np.zeros(len(moments.run_t), np.uint8)
    if moments.flags.any():
        np.bitwise_or.at(flags_of_run, moments.run, moments.flags & KEPT_FLAGS)
    heads = world.thing_of[moments.run_device, 0]
    if not world.components[moments.run_device].any() and not world.point_component[used].any():
        whole = tuple(table[moments.whole].tolist())
        rows = ReadingRows(column, moments.run, moments.at, moments.value, moments.quality, moments.received, whole)
        return BatchView(space, heads, moments.run_t, flags_of_run, rows, heads, moments.run_t)
    origin, thing = _spread(world, moments)
    order = np.lexsort((moments.run[origin], thing))
    origin, thing = origin[order], thing[order]
    run = moments.run[origin]
    new = np.ones(len(run), np.bool_)
    new[1:] = (run[1:] != run[:-1]) | (thing[1:] != thing[:-1])
    unit = (np.cumsum(new) - 1).astype(np.int32)
    rows = ReadingRows(
        column[origin],
        unit,
        moments.at[origin],
        moments.value[origin],
        moments.quality[origin],
        moments.received[origin],
    )
    return BatchView(space, thing[new], moments.run_t[run[new]], flags_of_run[run[new]], rows, heads, moments.run_t)


def _spread(world: Fleet, moments: DeviceMoments) -> tuple[NDArray[np.intp], I32]:
    """(row, thing) pairs: a component's reading to the component, a device's also to its components."""
    device, point = moments.device, moments.point
    component, alone = world.point_component[point], world.point_alone[point]
    count = world.components[device]
    every = np.arange(len(device))
    inside = every[component <= count]
    pairs = [(inside, world.thing_of[device[inside], component[inside]])]
    for number in range(1, int(count.max()) + 1):
        rows = every[(component == 0) & alone & (count >= number)]
        pairs.append((rows, world.thing_of[device[rows], number]))
    single = every[(component == 1) & alone & (count == 1)]
    pairs.append((single, world.thing_of[device[single], 0]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
