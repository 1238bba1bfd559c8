"""Too fast, stuck, out of bounds: columns agree with the rule written out row by row; what intake makes of it."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_parts import T0, Names, Rig

from gateway.domain.device import Plausible, Point, PointKind
from gateway.domain.errors import StoreFull
from gateway.domain.plausible.limits import PlausibilityLimits
from gateway.domain.plausible.plausibility import Plausibility
from gateway.domain.reading import Batch, Flag, Quality, Reading, batch_of
from gateway.domain.record import Parcel
from gateway.ports import Append

S = 1_000_000
POINTS = {
    1: Point(1, "p", "fast", plausible=Plausible(max_rate=2.0)),
    2: Point(2, "p", "still", every=2 * S, plausible=Plausible(stuck_after=5 * S)),
    3: Point(3, "p", "all", every=1 * S, plausible=Plausible(-5.0, 9.0, 1.5, 4 * S)),
    4: Point(4, "p", "energy", kind=PointKind.COUNTER, plausible=Plausible(max_rate=1.0)),
    5: Point(5, "p", "bounds", plausible=Plausible(min=0.0, max=5.0)),
    6: Point(6, "p", "free"),
    700: Point(700, "p", "far", plausible=Plausible(max_rate=0.5)),
}


def _judge() -> Plausibility:
    names = Names()
    names.known = dict(POINTS)
    return Plausibility(names)


# ---- the rule, written out ------------------------------------------------------------------------------------------
@dataclass
class _Track:
    """One (device, point), told its readings one by one."""

    point: Point
    told: list[Reading] = field(default_factory=list)  # of the newest moment only the last

    def tell(self, reading: Reading) -> bool:
        newest = max((one.at for one in self.told), default=None)
        if reading.at == newest:
            self.told = [one for one in self.told if one.at != newest]
        if reading.quality is Quality.BAD:
            return False
        self.told.append(reading)
        course = _Course(self.point)
        return [course.tell(one) for one in self.told][-1]


@dataclass
class _Course:
    """Readings of which none replaces another."""

    point: Point
    seen: list[tuple[int, float, int]] = field(default_factory=list)  # at, value, standing since
    believed: list[tuple[int, float]] = field(default_factory=list)
    run: list[tuple[int, float]] = field(default_factory=list)  # too fast one after another, and agreeing
    fell: list[tuple[float, int, float]] = field(default_factory=list)  # of a swap counter: from, when, total then
    total: float = 0.0

    def tell(self, reading: Reading) -> bool:
        limits, value, at = self.point.plausible, reading.value, reading.at
        if not self.seen or at > self.seen[-1][0]:
            silence = max(limits.stuck_after, 3 * self.point.every)
            since = at
            if self.seen and self.seen[-1][1] == value:
                since = at if limits.stuck_after and at - self.seen[-1][0] > silence else self.seen[-1][2]
            self.seen.append((at, value, since))
        _, stand, since = self.seen[-1]
        stuck = bool(limits.stuck_after) and value == stand and at - since > limits.stuck_after
        outside = self.outside(value)
        if stuck or outside or reading.flags & Flag.CLAMPED:
            return stuck or outside
        older = [one for one in self.believed[-2:] if one[0] < at]
        if self.believed and at <= self.believed[-1][0]:
            return bool(older) and self.fast(older[-1], value, at)
        if older and self.too_fast(older[-1], value, at):
            self.agree(value, at)
            return True
        self.believe(value, at)
        if not self.run or at >= self.run[-1][0]:
            self.run = []
        return False

    def too_fast(self, before: tuple[int, float], value: float, at: int) -> bool:
        fall = self.back(before[1], value)
        return self.fast(before if fall is None else (fall[1], fall[0]), value, at)

    def back(self, was: float, value: float) -> tuple[float, int, float] | None:
        """The fall that a step takes back: the newest, and the ones before from where that one fell."""
        total, found = self.total, None
        for fall in reversed(self.fell):
            if value < fall[0] or value - was <= total - fall[2]:
                break
            was, total, found = fall[0], fall[2], fall
        return found

    def fast(self, before: tuple[int, float], value: float, at: int) -> bool:
        then, was = before
        change = max(0.0, value - was) if self.point.kind is PointKind.COUNTER else abs(value - was)
        rate = self.point.plausible.max_rate
        return rate is not None and change > rate * ((at - then) / S)

    def believe(self, value: float, at: int) -> None:
        if self.point.kind is PointKind.COUNTER and self.believed:
            then, was = self.believed[-1]
            fall = self.back(was, value)
            if value < was:
                if was - value < 0.001 * was:
                    return
                if len(self.fell) == 3:
                    self.fell.remove(next((one for one in self.fell if one[0] <= was), self.fell[-1]))
                self.fell.append((was, then, self.total))
            elif fall is not None:
                self.fell, self.total = self.fell[: self.fell.index(fall)], fall[2] + value - fall[0]
            else:
                self.total += value - was
        self.believed.append((at, value))

    def agree(self, value: float, at: int) -> None:
        if self.run and at <= self.run[-1][0]:
            return
        falls = self.point.kind is PointKind.COUNTER and self.run and value < self.run[-1][1]
        self.run = (
            [*self.run, (at, value)]
            if self.run and not falls and not self.fast(self.run[-1], value, at)
            else [(at, value)]
        )
        if len(self.run) == self.point.plausible.relearn:
            self.believed.append((at, value))
            self.run, self.fell = [], []

    def outside(self, value: float) -> bool:
        low, high = self.point.plausible.min, self.point.plausible.max
        return (low is not None and value < low) or (high is not None and value > high)


Tracks = dict[tuple[int, int], _Track]


def _expected(rows: list[Reading], live: Tracks) -> list[bool]:
    marks = [False] * len(rows)
    history: Tracks = {}
    for index in sorted(range(len(rows)), key=lambda i: rows[i].at):
        row = rows[index]
        point = POINTS.get(row.point)
        if point is None:
            continue
        if point.plausible.max_rate is None and not point.plausible.stuck_after:
            marks[index] = row.quality is Quality.UNCERTAIN and _Course(point).outside(row.value)
            continue
        tracks = history if row.flags & Flag.IMPORTED else live
        marks[index] = tracks.setdefault((row.device, row.point), _Track(point)).tell(row)
    return marks


@st.composite
def _reading(draw: st.DrawFn, now: int) -> Reading:
    quality = draw(st.sampled_from([Quality.GOOD] * 6 + [Quality.UNCERTAIN, Quality.BAD]))
    value = math.nan if quality is Quality.BAD else draw(st.sampled_from([-7.0, 0.0, 0.5, 1.0, 2.0, 3.0, 8.0, 11.0]))
    flags = draw(st.sampled_from([Flag.NONE] * 6 + [Flag.IMPORTED, Flag.CLAMPED]))
    at = T0 + draw(st.integers(now - 2, now + 6)) * S + draw(st.sampled_from([0, 0, 1]))
    return Reading(draw(st.integers(1, 2)), draw(st.sampled_from([*POINTS, 9])), at, value, quality, flags, T0)


@st.composite
def _stream(draw: st.DrawFn) -> list[list[Reading]]:
    return [draw(st.lists(_reading(8 * step), min_size=1, max_size=25)) for step in range(draw(st.integers(1, 5)))]


@settings(max_examples=examples(100), deadline=None)
@given(_stream())
def test_the_columns_are_the_rule_written_out(stream: list[list[Reading]]) -> None:
    judge, live = _judge(), Tracks()
    for rows in stream:
        batch = batch_of([rows])
        judged = judge.judge(batch)
        judge.keep(judged)
        marks = _expected(rows, live)
        assert (judged.hits if judged.hits is not None else np.zeros(len(rows), np.bool_)).tolist() == marks
        if judged.hits is None:
            assert judged.batch is batch
        for before, after, hit in zip(rows, judged.batch.readings(), marks, strict=True):
            assert (repr(after.value), after.at) == (repr(before.value), before.at), "never changed, never deleted"
            assert after.flags == (before.flags | Flag.IMPLAUSIBLE if hit else before.flags)
            assert after.quality is (Quality.UNCERTAIN if hit else before.quality)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 3.0, 8.0]), min_size=2, max_size=40), st.data())
def test_it_does_not_matter_how_a_stream_is_cut(values: list[float], data: st.DataObject) -> None:
    rows = [Reading(1, p, T0 + k * S, value) for k, value in enumerate(values) for p in (1, 3)]
    whole = _judge().judge(batch_of([rows])).batch.flags.tolist()
    judge, flags = _judge(), []
    while rows:
        count = data.draw(st.integers(1, len(rows)))
        judged = judge.judge(batch_of([rows[:count]]))
        judge.keep(judged)
        flags += judged.batch.flags.tolist()
        rows = rows[count:]
    assert flags == whole


# ---- examples -------------------------------------------------------------------------------------------------------
def _marks(point: int, *rows: tuple[float, float]) -> list[int]:
    """Numbers of the implausible among (seconds, value)."""
    judge, marks = _judge(), []
    for number, (second, value) in enumerate(rows):
        judged = judge.judge(batch_of([[Reading(1, point, T0 + int(second * S), value)]]))
        judge.keep(judged)
        marks += [number] if judged.hits is not None else []
    return marks


def test_a_peak_is_marked_and_what_follows_is_not() -> None:
    assert _marks(1, (0, 20), (10, 21), (20, 500), (30, 22), (40, 42)) == [2]
    assert _marks(1, (0, 20), (1, 22), (2, 24.1)) == [2], "exactly the limit passes"


def test_repeating_a_wrong_value_does_not_make_it_true_time_does() -> None:
    assert _marks(1, (0, 0), (1, 100), (10, 100), (49, 100), (50, 100), (51, 101)) == [1, 2, 3]


def test_readings_in_a_row_that_agree_are_the_new_level() -> None:
    assert _marks(1, (0, 0), (1, 100), (2, 101), (3, 102), (4, 103), (5, 0)) == [1, 2, 3, 5]
    assert _marks(1, (0, 0), (1, 100), (2, 200), (3, 101), (4, 102), (5, 103), (6, 104)) == [1, 2, 3, 4, 5], "no row"
    assert _marks(1, (0, 0), (1, 100), (2, 101), (3, 1), (4, 102), (5, 103)) == [1, 2, 4, 5], "not in a row"
    assert _marks(1, (0, 0), (1, 100), (2, 101), (2, 101), (2, 101), (3, 102), (4, 103)) == [1, 2, 3, 4, 5], (
        "told again"
    )


def test_a_meter_that_says_zero_once() -> None:
    assert _marks(4, (0, 15508.1), (10, 0), (20, 15508.2), (30, 15509)) == [], "the fall is taken back"
    assert _marks(4, (0, 15508.1), (10, 0), (20, 5), (30, 15513), (40, 15514)) == [], "5 in 30 s since 15508.1"
    assert _marks(4, (0, 15508.1), (10, 0), (20, 9), (30, 15600), (40, 15)) == [3]


def test_a_value_replaced_at_its_moment_was_never_believed() -> None:
    assert _marks(1, (0, 20), (10, 40), (10, 21), (12, 38)) == [3], "38 against 21"
    assert _marks(1, (0, 20), (10, 21), (10, 90), (12, 40)) == [2], "40 against 20 of 12 s ago"
    judge = _judge()
    for second, value in ((0, 20.0), (10, 40.0), (10, math.nan), (11, 50.0)):
        quality = Quality.BAD if value != value else Quality.GOOD
        judged = judge.judge(batch_of([[Reading(1, 1, T0 + second * S, value, quality)]]))
        judge.keep(judged)
    assert judged.hits is not None, "50 against 20 of 11 s ago: 42 at most"


def test_a_peak_delivered_again_is_marked_again() -> None:
    assert _marks(1, (0, 20), (10, 500), (10, 500), (20, 21), (10, 500), (10, 20)) == [1, 2, 4]


def test_a_counter_may_fall() -> None:
    assert _marks(4, (0, 50_000), (1, 0), (2, 1), (3, 9)) == [3]


def test_standing_still_is_marked_until_the_value_moves() -> None:
    assert _marks(2, (0, 7), (2, 7), (4, 7), (5, 7), (6, 7), (8, 7), (9, 8), (11, 8)) == [4, 5]


def test_a_silence_is_no_standing_still() -> None:
    assert _marks(2, (0, 7), (4, 7), (10.000001, 7), (15, 7), (16, 7)) == [4], "3 × every = 6 s"


def test_a_refused_batch_leaves_no_trace() -> None:
    judge = _judge()
    first, peak = (batch_of([[Reading(1, 1, T0 + at * S, value)]]) for at, value in ((0, 20.0), (1, 500.0)))
    judge.judge(peak)
    judge.keep(judge.judge(first))
    assert judge.judge(peak).hits is not None


def test_other_limits_hold_as_soon_as_the_directory_has_them() -> None:
    names = Names()
    names.known = {1: POINTS[6]}
    judge = Plausibility(names)
    rows = batch_of([[Reading(1, 1, T0, 0.0), Reading(1, 1, T0 + S, 99.0)]])
    assert judge.judge(rows).hits is None
    names.known = {1: POINTS[1]}
    assert judge.judge(rows).hits is None, "asked once per version"
    names.version += 1
    hits = judge.judge(rows).hits
    assert hits is not None
    assert hits.tolist() == [False, True]


def test_points_without_such_limits_cost_one_look_up() -> None:
    names = Names()
    names.known = dict(POINTS)
    limits = PlausibilityLimits(names)
    points = np.array([5, 6, 5000, 5], np.int32)
    assert limits.timed(points) is None, "asked for"
    names.known.clear()
    assert limits.timed(points) is None, "known"
    assert limits.timed(np.array([6, 700], np.int32)) is None, "not in the directory any more"


# ---- through intake -------------------------------------------------------------------------------------------------
def _parcel(source: str, *rows: Reading) -> Parcel:
    return Parcel(source, batch_of([[row] for row in rows]), messages=len(rows))


async def test_intake_marks_counts_and_keeps_every_source(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.names.known = dict(POINTS)
    await rig.intake.emit(_parcel("a", Reading(1, 1, T0, 20.0, received=T0), Reading(1, 5, T0, 3.0, received=T0)))
    await rig.intake.emit(_parcel("b", Reading(1, 1, T0 + S, 500.0, received=T0)))
    late = Reading(2, 5, 5, 3.0, received=T0)  # a clock in 1970: uncertain, not implausible
    await rig.intake.emit(_parcel("b", Reading(1, 5, T0 + S, 9.0, Quality.UNCERTAIN, received=T0), late))
    history = [
        Reading(1, 1, T0 - n * S, 20.0 + 9 * (n == 3), flags=Flag.IMPORTED, received=T0) for n in range(9, 0, -1)
    ]
    await rig.intake.emit(_parcel("import", *history))
    bodies = [body for body in rig.bodies() if isinstance(body, Batch)]
    implausible, clamped = int(Flag.IMPLAUSIBLE), int(Flag.CLAMPED)
    assert [body.flags.tolist() for body in bodies[:3]] == [[0, 0], [implausible], [implausible, clamped]]
    assert bodies[1].value.tolist() == [500.0]
    assert bodies[1].quality.tolist() == [Quality.UNCERTAIN]
    assert np.flatnonzero(bodies[3].flags & implausible).tolist() == [6]
    assert [rig.intake.balance(name).implausible for name in ("a", "b", "import", "")] == [0, 2, 1, 3]
    rig.close()


async def test_the_journal_that_refuses_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, full_wait="0s")
    rig.names.known = dict(POINTS)
    await rig.intake.emit(_parcel("a", Reading(1, 1, T0, 20.0, received=T0)))
    good = _parcel("a", Reading(1, 1, T0 + 10 * S, 30.0, received=T0 + 10 * S))

    async def full(partition: int, entry: Append, at: int) -> None:
        raise StoreFull("batch")

    with monkeypatch.context() as patch:
        patch.setattr(rig.journal, "append", full)
        with pytest.raises(StoreFull):
            await rig.intake.emit(good)
    await rig.intake.emit(_parcel("a", Reading(1, 1, T0 + 11 * S, 45.0, received=T0 + 11 * S)))
    assert rig.bodies()[-1].flags.tolist() == [Flag.IMPLAUSIBLE], "held against 20 of 11 s ago: 22 at most"
    rig.close()
