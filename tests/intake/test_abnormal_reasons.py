"""Why readings are abnormal: reasons and counts do not depend on how readings are cut into batches, nor on a restart;
a spike is marked when the next reading shows it."""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_parts import T0, Rig

from gateway.domain.device import Plausible, Point, PointKind
from gateway.domain.duration import SECOND as S
from gateway.domain.plausible import Abnormal, Plausibility, PlausibilityState
from gateway.domain.reading import Batch, Flag, Quality, Reading, batch_of
from gateway.domain.record import Parcel
from gateway.intake import Intake
from gateway.intake.plausible_file import PlausibilityFile

POINTS = {
    1: Point(1, "p", "step", plausible=Plausible(-50, 200, max_step=20, relearn=3)),
    2: Point(2, "p", "fall", plausible=Plausible(max_rate=10, max_fall=0.5)),
    3: Point(3, "p", "spike", plausible=Plausible(spike=20)),
    4: Point(4, "p", "firm", kind=PointKind.COUNTER, plausible=Plausible(falls=False)),
    5: Point(5, "p", "all", plausible=Plausible(-5, 90, 9, 5 * S, 2, 3, 30, 15)),
}


class Points:
    version = 1

    def point_by_id(self, point: int) -> Point | None:
        return POINTS.get(point)

    def device_limits(self) -> Mapping[int, Point]:
        return {}


def kept(judge: Plausibility, batch: Batch) -> list[tuple[int, int, str]]:
    """(point, seconds, reason) of its marks."""
    judged = judge.judge(batch)
    judge.keep(judged)
    return sorted((one.point, (one.at - T0) // S, Abnormal(one.reason).word) for one in judged.marks)


def marks(rows: list[Reading], size: int) -> list[tuple[int, int, str]]:
    judge = Plausibility(Points())
    parts = [rows[k : k + size] for k in range(0, len(rows), size)]
    return sorted(mark for part in parts for mark in kept(judge, batch_of([[one] for one in part])))


def series(point: int, *values: float, every: int = 1) -> list[Reading]:
    return [Reading(1, point, T0 + k * every * S, value, received=T0) for k, value in enumerate(values)]


@pytest.mark.parametrize(
    ("point", "values", "found"),
    [
        (1, (90, 300, 90), [(1, "above_max")]),
        (1, (90, -60, 90), [(1, "below_min")]),
        (1, (90, 120, 91), [(1, "step")]),
        (1, (90, 120, 121, 119, 120, 121), [(1, "step"), (2, "step"), (3, "step")]),  # the level is believed then
        (2, (20, 29, 28.6), []),
        (2, (20, 31, 20), [(1, "too_fast")]),
        (2, (20, 19), [(1, "too_fast")]),
        (3, (40, 200, 41), [(1, "spike")]),
        (3, (40, -200, 41), [(1, "spike")]),
        (3, (40, 200, 201), []),
        (3, (40, 200, 120), []),
        (3, (40, 200, 41, 200, 42), [(1, "spike"), (3, "spike")]),
        (4, (100, 0, 101), [(1, "fell")]),
        (4, (100, 2, 3, 4, 5), [(1, "fell"), (2, "fell"), (3, "fell")]),
        (4, (100, 99.95, 101), []),  # a row sent again
        (5, (1, 1, 1, 1, 1, 1, 1, 1), [(6, "stuck"), (7, "stuck")]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_reasons(point: int, values: tuple[float, ...], found: list[tuple[int, str]], size: int) -> None:
    assert [mark[1:] for mark in marks(series(point, *values), size)] == found


ROWS = st.lists(
    st.tuples(
        st.sampled_from(list(POINTS)),
        st.integers(0, 3),
        st.sampled_from([0.0, 1.0, 2.0, 10.0, 12.0, 25.0, 40.0, 100.0, 250.0, -60.0, math.nan]),
    ),
    max_size=40,
)


def in_order(found: list[tuple[int, int, float]]) -> list[Reading]:
    clock, rows = dict.fromkeys(POINTS, T0), []
    for point, passed, value in found:
        clock[point] += (1 + passed) * S
        quality = Quality.BAD if math.isnan(value) else Quality.GOOD
        rows.append(Reading(1, point, clock[point], value, quality, received=clock[point]))
    return rows


@settings(max_examples=examples(60), deadline=None)
@given(ROWS, st.integers(1, 7))
def test_reasons_do_not_depend_on_how_readings_are_cut(found: list[tuple[int, int, float]], size: int) -> None:
    rows = in_order(found)
    whole = marks(rows, 1000)
    assert marks(rows, size) == whole
    assert marks(rows, 1) == whole


@settings(max_examples=examples(60), deadline=None)
@given(ROWS, st.integers(0, 40))
def test_a_restart_changes_no_mark(found: list[tuple[int, int, float]], stop: int) -> None:
    """The state out of a file, and what was journaled since, judged once more."""
    rows = in_order(found)
    live, saved, journal = Plausibility(Points()), Plausibility(Points()), list[Batch]()
    for number, row in enumerate(rows):
        if number == stop // 2:
            saved = Plausibility(Points())
            blob = msgspec.msgpack.encode(live.state())
            saved.load(msgspec.msgpack.decode(blob, type=PlausibilityState))
            journal = []
        judged = live.judge(batch_of([[row]]))
        live.keep(judged)
        journal.append(judged.batch)
        if number == stop:
            for batch in journal:
                saved.keep(saved.judge(batch))
            assert saved.state() == live.state()
            live = saved
    assert sorted((one.point, (one.at - T0) // S, Abnormal(one.reason).word) for one in live.counts.recent) == marks(
        rows, 1000
    )


async def test_a_spike_is_written_once_more_after_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.names.known = dict(POINTS)
    file = PlausibilityFile(tmp_path, 0)
    try:
        for k, value in enumerate((40.0, 200.0, 41.0)):
            await rig.intake.emit(Parcel("b", batch_of([[Reading(1, 3, T0 + k * S, value, received=T0)]]), messages=1))
            if k == 0:
                file.save(file.encoded(rig.intake.plausibility, rig.journal.head(0)), rig.journal.head(0))
            elif k == 1:
                rig.intake = Intake(rig.journal, rig.names, rig.clock, rig.intake.config, partition=0)
                PlausibilityFile(tmp_path, 0).restore(rig.intake.plausibility, rig.journal)
        last = [body for body in rig.bodies() if isinstance(body, Batch)][-1]
        assert [(one.at - T0, one.value, one.quality, one.flags) for one in last.readings()] == [
            (1 * S, 200.0, Quality.UNCERTAIN, Flag.IMPLAUSIBLE),
            (2 * S, 41.0, Quality.GOOD, Flag.NONE),
        ]
        rig.intake.balance().check()
        assert rig.intake.balance().readings_journaled == 2, "since the restart: the reading, and the spike"
        assert rig.intake.plausibility.counts.by_reason()["spike"] == 1
    finally:
        rig.close()


@pytest.mark.parametrize("content", [b"", b"no state", b"\x80", None])
async def test_a_lost_or_damaged_file_is_made_from_the_journal(tmp_path: Path, content: bytes | None) -> None:
    rig = Rig(tmp_path)
    rig.names.known = dict(POINTS)
    try:
        await rig.intake.emit(Parcel("b", batch_of([[Reading(1, 1, T0, 40.0, received=T0)]]), messages=1))
        file = PlausibilityFile(tmp_path, 0)
        if content is not None:
            file.path.write_bytes(content)
        restored = Plausibility(rig.names)
        file.restore(restored, rig.journal)
        assert restored.state() == rig.intake.plausibility.state()
    finally:
        rig.close()
