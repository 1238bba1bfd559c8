"""What every SeriesStore must do; `tests/contract` runs it for each store that is registered."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.reading import Flag, Quality, Reading, batch_of, concat
from gateway.domain.record import Record, Tick
from gateway.ports import SeriesStore

NOW = 1_780_000_000 * SECOND
Open = Callable[[], SeriesStore]


def record(seq: int, *readings: Reading) -> Record:
    return Record(seq, NOW, batch_of([readings]))


def at(second: float, value: float, device: int = 1, point: int = 1, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(device, point, NOW + int(second * SECOND), value, quality, received=NOW + int(second * SECOND) + 5)


def expire(store: SeriesStore, moments: Mapping[int, int]) -> None:
    for _ in range(100):
        if not store.expire(moments):
            return
    raise AssertionError("it never comes to an end")


class StoreContract:
    """Run against a store whose clock stands at NOW and whose retention is 10 days."""

    def test_rows_and_cursor_move_together(self, store: SeriesStore) -> None:
        written = store.write(0, [record(1, at(0, 1.0)), record(2, at(1, 2.0)), Record(3, NOW, Tick(NOW))])
        assert (written.stored, written.duplicate, written.expired) == (2, 0, 0)
        assert store.cursor(0) == 3
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0]

    def test_at_or_below_the_cursor_nothing_happens(self, store: SeriesStore) -> None:
        store.write(0, [record(5, at(0, 1.0))])
        assert store.write(0, [record(4, at(9, 9.0)), record(5, at(8, 8.0))]).stored == 0
        assert len(store.range(1, 1, NOW, NOW + DAY).at) == 1

    def test_history_has_a_cursor_of_its_own_and_what_the_journal_brings_replaces_it(self, store: SeriesStore) -> None:
        far = (3 << 52) + NOW
        store.write(0, [record(7, at(5, 5.0))])
        written = store.write(-1, [record(far, at(-9e4, 0.5), at(0, 1.0), at(5, 5.0))])
        assert (written.stored, written.duplicate) == (2, 1)
        assert (store.cursor(0), store.cursor(-1)) == (7, far)
        store.write(-1, [record(far + 1)])
        store.write(0, [record(8, at(0, 2.0))])
        assert store.cursor(-1) == far + 1
        assert store.range(1, 1, NOW - DAY * 2, NOW + DAY).value.tolist() == [0.5, 2.0, 5.0]

    def test_the_same_value_again_changes_nothing(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(0, 1.0), at(1, 2.0))])
        again = store.write(0, [record(2, at(0, 1.0), at(1, 2.0), at(2, 3.0))])
        assert (again.stored, again.duplicate) == (1, 2)
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 2.0, 3.0]

    def test_twins_in_one_write(self, store: SeriesStore) -> None:
        written = store.write(0, [record(1, at(0, 1.0), at(0, 1.0)), record(2, at(1, 5.0)), record(3, at(1, 6.0))])
        assert (written.stored, written.duplicate, written.conflict) == (3, 1, 1)
        assert store.range(1, 1, NOW, NOW + DAY).value.tolist() == [1.0, 6.0]

    def test_of_several_values_of_one_record_the_last_holds(self, store: SeriesStore) -> None:
        bad = at(1, math.nan, quality=Quality.BAD)
        written = store.write(0, [record(1, at(0, 1.0), at(1, 60.0), at(0, 2.0), bad, at(0, 1.0))])
        assert (written.stored, written.duplicate, written.conflict) == (5, 0, 3)
        series = store.range(1, 1, NOW, NOW + DAY)
        assert series.value[0] == 1.0
        assert np.isnan(series.value[1])
        assert next(float(x) for batch in store.scan(NOW, NOW + DAY) for x in batch.value) == 1.0

    def test_another_value_replaces_and_is_flagged(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(0, 1.0))])
        written = store.write(0, [record(2, at(0, 7.0))])
        assert (written.stored, written.conflict) == (1, 1)
        series = store.range(1, 1, NOW, NOW + DAY)
        assert series.value.tolist() == [7.0]
        assert Flag(int(series.flags[0])) & Flag.CONFLICT
        assert sum(len(batch) for batch in store.scan(NOW, NOW + DAY)) == 1
        assert store.latest(1)[0].value == 7.0

    def test_bad_readings_have_no_value_and_count_in_no_bucket(self, store: SeriesStore) -> None:
        store.write(
            0, [record(1, at(0, 1.0), at(1, math.nan, quality=Quality.BAD), at(2, 3.0, quality=Quality.UNCERTAIN))]
        )
        series = store.range(1, 1, NOW, NOW + DAY)
        assert np.isnan(series.value[1])
        assert store.aggregate(1, 1, NOW, NOW + MINUTE, MINUTE).count.tolist() == [2]
        assert store.write(0, [record(2, at(1, math.nan, quality=Quality.BAD))]).duplicate == 1

    def test_gaps_are_absent_buckets(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(0, 1.0), at(30, 3.0), at(150, 5.0))])
        buckets = store.aggregate(1, 1, NOW, NOW + HOUR, MINUTE)
        assert [(s - NOW) // MINUTE for s in buckets.start.tolist()] == [0, 2]
        assert buckets.mean.tolist() == [2.0, 5.0]
        assert (buckets.first.tolist(), buckets.last.tolist()) == ([1.0, 5.0], [3.0, 5.0])
        assert (buckets.min.tolist(), buckets.max.tolist()) == ([1.0, 5.0], [3.0, 5.0])

    def test_latest_is_by_event_time(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(10, 1.0), at(5, 2.0), at(3, 9.0, point=2))])
        assert [(r.point, r.value) for r in store.latest(1)] == [(1, 1.0), (2, 9.0)]
        assert store.latest(2) == []

    def test_old_rows_are_merged_on_read(self, store: SeriesStore) -> None:
        old = at(-5 * DAY / SECOND, 0.5)
        store.write(0, [record(1, at(0, 1.0), old)])
        assert store.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [0.5, 1.0]
        merged = concat(list(store.scan(NOW - 9 * DAY, NOW + DAY)))
        assert merged.value.tolist() == [0.5, 1.0]
        assert store.write(0, [record(2, old)]).duplicate == 1

    def test_scan_is_in_order_and_filters_devices(self, store: SeriesStore) -> None:
        store.write(0, [record(1, *(at(9 - i, float(i), device=i % 3) for i in range(9)))])
        both = concat(list(store.scan(NOW, NOW + DAY, [0, 2])))
        assert both.at.tolist() == sorted(both.at.tolist())
        assert set(both.device.tolist()) == {0, 2}
        assert list(store.scan(NOW, NOW + DAY, [])) == []

    def test_before_a_moment(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(0, 1.0), at(10, 2.0), at(20, 3.0), at(5, 7.0, device=2), at(30, 9.0, device=3))])
        found = store.before(NOW + 15 * SECOND, [1, 3])
        assert [(r.device, r.at, r.value) for r in found.readings()] == [(1, NOW + 10 * SECOND, 2.0)]
        assert len(store.before(NOW, [1, 2, 3])) == 0
        assert len(store.before(NOW + DAY, [])) == 0

    def test_what_is_too_old_is_expired(self, store: SeriesStore) -> None:
        written = store.write(0, [record(1, at(-11 * DAY / SECOND, 1.0), at(0, 2.0))])
        assert (written.stored, written.expired) == (1, 1)

    def test_retention_takes_effect_at_once(self, store: SeriesStore) -> None:
        store.write(0, [record(1, at(-5 * DAY / SECOND, 1.0), at(0, 2.0))])
        assert store.retain(NOW - DAY) >= 0
        assert store.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [2.0]
        assert store.cursor(0) == 1

    def test_a_point_can_be_kept_for_a_shorter_time_than_the_rest(self, store: SeriesStore, reopen: Open) -> None:
        old = -5 * DAY / SECOND
        store.write(0, [record(1, at(old, 1.0), at(old, 2.0, point=2), at(0, 3.0), at(0, 4.0, point=2))])
        store.write(0, [record(2, at(old, 5.0, device=2), at(old, 6.0, device=2, point=2))])
        moments = {2: NOW - DAY}
        expire(store, moments)
        assert not store.expire(moments), "nothing is left to do"
        for _ in range(2):
            assert store.range(1, 2, NOW - 9 * DAY, NOW + DAY).value.tolist() == [4.0]
            assert store.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [1.0, 3.0]
            assert [(r.point, r.value) for r in store.latest(2)] == [(1, 5.0)]
            assert [r.point for r in store.before(NOW - 2 * DAY, [1, 2]).readings()] == [1, 1]
            assert store.stats().rows == 4
            store.close()
            store = reopen()
        late = store.write(0, [record(3, at(old + 1, 7.0, point=2), at(old + 1, 8.0))])
        assert (late.stored, late.expired) == (1, 1), "and none are taken any more, after a restart neither"
        assert store.cursor(0) == 3

    def test_a_shorter_time_moves_on_goes_back_and_ends(self, store: SeriesStore) -> None:
        store.write(0, [record(1, *(at(-day * DAY / SECOND, float(day)) for day in range(6)))])
        for kept in (4, 2):
            expire(store, {1: NOW - kept * DAY})
            assert store.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [float(d) for d in range(kept, -1, -1)]
        expire(store, {1: NOW - 3 * DAY})
        again = [record(2, at(-3 * DAY / SECOND, 3.0), at(-4 * DAY / SECOND, 4.0))]
        assert (store.write(0, again).stored, store.stats().rows) == (1, 4), "the clock was set back"
        expire(store, {1: NOW - 2 * DAY})
        assert store.stats().rows == 3
        expire(store, {})
        assert store.write(0, [record(3, at(-4 * DAY / SECOND, 4.0))]).stored == 1

    def test_partitions_have_their_own_cursor(self, store: SeriesStore) -> None:
        store.write(0, [record(7, at(0, 1.0))])
        store.write(1, [record(3, at(0, 1.0, device=2))])
        assert (store.cursor(0), store.cursor(1), store.cursor(2)) == (7, 3, 0)

    def test_all_is_there_after_reopening(self, store: SeriesStore, reopen: Open) -> None:
        store.write(0, [record(1, at(0, 1.0), at(-5 * DAY / SECOND, 2.0)), record(2, at(0, 3.0))])
        store.close()
        again = reopen()
        assert again.cursor(0) == 2
        assert again.range(1, 1, NOW - 9 * DAY, NOW + DAY).value.tolist() == [2.0, 3.0]
        assert again.latest(1)[0].value == 3.0
        assert again.write(0, [record(3, at(0, 3.0))]).duplicate == 1

    def test_stats(self, store: SeriesStore) -> None:
        assert store.stats().rows == 0
        store.write(0, [record(1, at(0, 1.0), at(5, 1.0))])
        stats = store.stats()
        assert (stats.rows, stats.first, stats.last) == (2, NOW, NOW + 5 * SECOND)
        assert stats.bytes > 0

    def test_an_empty_question(self, store: SeriesStore) -> None:
        assert len(store.range(1, 1, 0, NOW).at) == 0
        assert len(store.aggregate(1, 1, 0, NOW, HOUR).start) == 0
        with pytest.raises(ValueError, match="positive"):
            store.aggregate(1, 1, 0, NOW, 0)
