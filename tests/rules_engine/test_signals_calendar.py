"""Calendar windows: half-open, by local dates, with coverage; nights; shares; what a tick may close."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from engine_lab import T0, S, meter, rule, told
from hypothesis import given
from hypothesis import strategies as st
from signal_lab import SignalLab, let

from gateway.domain.device import Site
from gateway.domain.duration import DAY, HOUR, MINUTE, from_us, to_us
from rules.compiled import Calendar, Period, Slot, SlotKind
from rules.engine.frames.batch_view import Latest
from rules.engine.state.calendar import wall_time, window

M = 600
NAN = float("nan")
H = 3600


def closed(text: str, rows: Sequence[tuple[float, float]], until: float, name: str = "battery") -> list[float | None]:
    """Values of the windows of a meter that closed by `until`, in one batch and one tick."""
    lab = SignalLab(let(text))
    lab.read(*[[told(1, name, at, value)] for at, value in rows])
    lab.tick(until)
    return [None if value != value else value for _, _, value in lab.closed]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("mean", 3.5),
        ("min", 1.0),
        ("max", 6.0),
        ("sum", 21.0),
        ("count", 6.0),
        ("first", 1.0),
        ("last", 6.0),
        ("spread", 5.0),
        ("stddev", math.sqrt(35 / 12)),
    ],
)
def test_aggregates_of_an_hour(what: str, expected: float) -> None:
    rows = [(k * M, float(k + 1)) for k in range(6)] + [(H, 100.0)]  # the reading at the end is the next hour's
    assert closed(f"{{{what}: battery, per: hour}}", rows, H) == [pytest.approx(expected)]


def test_coverage_is_observed_time() -> None:
    rows = [(0, 1.0), (M, 2.0)]  # the second is observed for three intervals: 40 minutes in all
    assert closed("{mean: battery, per: hour, coverage: 0.66}", rows, H) == [1.5]
    assert closed("{mean: battery, per: hour, coverage: 0.67}", rows, H) == [None]
    assert closed("{mean: battery, per: hour, coverage: 0.6}", [*rows, (2 * M, NAN)], H) == [None]


def test_a_reading_holds_on_into_the_next_window_but_is_not_of_it() -> None:
    rows = [(H - 60, 7.0), (H + 25 * 60, 1.0), (2 * H, 1.0)]
    assert closed("{max: battery, per: hour, coverage: 0.9}", rows, 2 * H) == [None, 1.0]


def test_sum_and_count_of_nothing() -> None:
    rows = [(0, 1.0), (3 * H, 1.0)]
    assert closed("{count: battery, per: hour, coverage: 0}", rows, 3 * H) == [1.0, 0.0, 0.0]
    assert closed("{mean: battery, per: hour, coverage: 0}", rows, 3 * H) == [1.0, None, None]


def test_the_last_word_on_a_moment_counts() -> None:
    rows = [(0, 1.0), (M, 50.0), (M, 3.0), (2 * M, 8.0), (2 * M, NAN)]
    assert closed("{max: battery, per: hour, coverage: 0}", rows, H) == [3.0]
    assert closed("{sum: battery, per: hour, coverage: 0}", rows, H) == [4.0]


def test_share_of_an_hour() -> None:
    rows = [(0, 3.0), (M, 3.3), (3 * M, 3.0), (4 * M, NAN), (5 * M, 3.3)]
    text = '{share: "battery < 3.1 V", per: hour, coverage: 0.8}'
    assert closed(text, rows, H) == [pytest.approx(2 / 5)]  # one sixth was not observed
    assert closed(text.replace("0.8", "0.84"), rows, H) == [None]


def test_before_looks_back() -> None:
    one = rule('  let: {x: {max: battery, per: hour}}\n  when: "x > before(x, 2)"', "{kind: gas_meter}")
    lab = SignalLab(one)
    lab.read(*[[told(1, "battery", k * M, float(k))] for k in range(24)])
    lab.tick(4 * H)
    held = Latest(lab.space, np.array([0]), T0 + 4 * H * S)
    back = [float(lab.signals(Slot(SlotKind.BEFORE, "x", n=n), held)[0]) for n in (1, 2)]
    assert (lab.at(4 * H), *back) == (23.0, 17.0, 11.0)


def test_nights_leave_the_day_out() -> None:
    rows = [(hour * H, float(hour)) for hour in range(48)]
    text = "{min: battery, per: night(01:00-05:00), coverage: 0}"
    assert closed(text, rows, 2 * 24 * H) == [1.0, 25.0]
    # a night that passes midnight: the hour before T0 is lost
    assert closed(text.replace("01:00-05:00", "23:00-02:00"), rows, 2 * 24 * H) == [0.0, 23.0]


def test_increase_of_a_night() -> None:
    rows = [(k * M, k / 6) for k in range(2 * 144)]  # 1 m3 an hour
    assert closed("{increase: volume, per: night(01:00-05:00)}", rows, 48 * H, "volume") == pytest.approx([4.0, 4.0])
    # last value before 05:00 minus last value before 01:00, whatever the day did
    text = "{increase: volume, per: night(01:00-05:00), scale: per_day}"
    assert closed(text, rows, 48 * H, "volume") == pytest.approx([1.0, 1.0])  # m3/h is canonical


def test_a_silence_into_a_night_loses_its_share() -> None:
    rows = [(k * M, k / 6) for k in range(144) if not 0 < k * M < 3 * H]
    assert closed("{increase: volume, per: night(01:00-05:00), coverage: 0.5}", rows, 24 * H, "volume") == [
        pytest.approx(29 / 6)  # since the last value before the silence
    ]
    assert closed("{increase: volume, per: night(01:00-05:00), coverage: 0.51}", rows, 24 * H, "volume") == [None]


def test_a_counter_corrected_at_its_moment() -> None:
    rows = [(0, 100.0), (M, 5.0), (M, 101.0), (2 * M, 102.0)]  # 5 was a slip, no new meter
    assert closed("{increase: volume, per: hour, coverage: 0}", rows, 2 * H, "volume")[0] == pytest.approx(2.0)


def test_in_order_data_after_a_tick_is_reported_and_not_booked() -> None:
    for text, name, since in (
        ("{increase: volume, per: hour, coverage: 0}", "volume", M),  # the silence after it was no gap
        ("{count: battery, per: hour, coverage: 0}", "battery", 2 * M),
    ):
        lab = SignalLab(let(text))
        lab.read([told(1, name, 0, 1.0)], [told(1, name, M, 2.0)])
        lab.tick(2 * H)
        lab.read([told(1, name, 2 * M, 5.0)], [told(1, name, 2 * H + M, 6.0)])
        lab.tick(4 * H)
        assert lab.signals.chain.drain() == [(0, T0 + since * S)]
        assert lab.signals.chain.drain() == []
        assert [value for _, _, value in lab.closed] == [1.0 if name == "volume" else 2.0, 0.0, 1.0, 0.0]


def test_windows_close_in_step() -> None:
    one = let("{increase: volume, per: hour, coverage: 0.9}")
    lab = SignalLab(one)
    lab.read([told(1, "volume", 0, 1.0)], [told(1, "volume", H - M, 2.0)])
    lab.tick(H)
    assert lab.closed == []  # a reading may still come and prove that there was no gap
    lab.tick(H + 2 * M)
    assert lab.closed == []
    lab.tick(H + 2 * M + 1)
    assert [end for _, end, _ in lab.closed] == [H]


NEW_YORK, SHANGHAI = ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)],
)
def test_days_with_a_change_of_clocks(day: date, hours: int) -> None:
    noon = wall_time(day, 720, NEW_YORK)
    start, end, days = window(NEW_YORK, Calendar(Period.DAY), noon)
    assert (end - start, days) == (hours * HOUR, 1.0)


def test_a_month_with_a_change_of_clocks_is_fully_covered() -> None:
    site = Site("S", timezone="America/New_York")
    lab = SignalLab(let("{count: battery, per: month, coverage: 1}"), [meter(1, site="S")], [site])
    start = (wall_time(date(2026, 3, 1), 0, NEW_YORK) - T0) / S
    end = (wall_time(date(2026, 4, 1), 0, NEW_YORK) - T0) / S
    assert end - start == (31 * 24 - 1) * H
    lab.read(*[[told(1, "battery", start + k * M, 3.0)] for k in range(int((end - start) / M))])
    lab.tick(end)
    assert [(at, value) for _, at, value in lab.closed] == [(end, (31 * 24 - 1) * 6.0)]


def test_months_from_the_26th() -> None:
    at = wall_time(date(2026, 2, 10), 0, SHANGHAI)
    start, end, days = window(SHANGHAI, Calendar(Period.MONTH, 26), at)
    assert (start, end) == (wall_time(date(2026, 1, 26), 0, SHANGHAI), wall_time(date(2026, 2, 26), 0, SHANGHAI))
    assert days == 31.0


def test_nights_over_a_change_of_clocks() -> None:
    night = Calendar(Period.NIGHT, begin=60, end=300)
    start, end, _ = window(NEW_YORK, night, wall_time(date(2026, 3, 8), 0, NEW_YORK))
    assert end - start == 3 * HOUR  # 02:00 to 03:00 does not exist
    gone = Calendar(Period.NIGHT, begin=135, end=165)  # nor does this night: the next one is on the 9th
    start, end, _ = window(NEW_YORK, gone, wall_time(date(2026, 3, 8), 0, NEW_YORK))
    assert (start, end - start) == (wall_time(date(2026, 3, 9), 135, NEW_YORK), 30 * MINUTE)
    half = Calendar(Period.NIGHT, begin=150, end=195)
    start, end, days = window(NEW_YORK, half, wall_time(date(2026, 3, 8), 0, NEW_YORK))
    assert (end - start, days) == (15 * MINUTE, 15 * MINUTE / DAY)  # from 03:00, when the clocks have moved


def test_between_two_nights_is_the_next_one() -> None:
    night = Calendar(Period.NIGHT, begin=22 * 60, end=6 * 60)
    begin = wall_time(date(2026, 5, 1), 22 * 60, SHANGHAI)
    for at in (begin - 16 * HOUR, begin - 1, begin, begin + 8 * HOUR - 1):
        assert window(SHANGHAI, night, at)[:2] == (begin, begin + 8 * HOUR)
    assert window(SHANGHAI, night, begin + 8 * HOUR)[0] == begin + DAY


ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Gaza", "Pacific/Apia", "UTC"]
BY_DATE = [
    Calendar(Period.DAY), Calendar(Period.DAY, begin=480), Calendar(Period.DAY, begin=150), Calendar(Period.WEEK),
    Calendar(Period.MONTH), Calendar(Period.MONTH, 26), Calendar(Period.MONTH, 31), Calendar(Period.QUARTER),
    Calendar(Period.YEAR), Calendar(Period.QUARTER_HOUR), Calendar(Period.HOUR),
]  # fmt: skip


@given(st.sampled_from(ZONES), st.sampled_from(BY_DATE), st.integers(0, 3 * 366 * 24 * 60))
def test_windows_follow_one_another_without_gaps(name: str, calendar: Calendar, minute: int) -> None:
    zone, at = ZoneInfo(name), to_us(datetime(2024, 12, 1, tzinfo=UTC)) + minute * MINUTE
    start, end, days = window(zone, calendar, at)
    assert start <= at < end
    assert window(zone, calendar, start) == window(zone, calendar, end - 1) == (start, end, days)
    assert window(zone, calendar, end)[0] == end
    if calendar.period not in (Period.HOUR, Period.QUARTER_HOUR):
        first, last = (from_us(one).astimezone(zone) for one in (start, end))
        assert (last.date() - first.date()).days == days
        for moment in (first, last):
            late = moment.hour * 60 + moment.minute - calendar.begin
            assert late == 0 or from_us(to_us(moment) - 1).astimezone(zone).utcoffset() != moment.utcoffset()


@pytest.mark.parametrize(
    ("calendar", "first", "last"),
    [
        (Calendar(Period.QUARTER), date(2026, 1, 1), date(2026, 4, 1)),
        (Calendar(Period.YEAR), date(2026, 1, 1), date(2027, 1, 1)),
        (Calendar(Period.MONTH, 31), date(2026, 1, 31), date(2026, 2, 28)),
        (Calendar(Period.DAY, begin=480), date(2026, 2, 9), date(2026, 2, 10)),
    ],
)
def test_longer_windows(calendar: Calendar, first: date, last: date) -> None:
    start, end, days = window(SHANGHAI, calendar, wall_time(date(2026, 2, 10), 479, SHANGHAI))
    assert (start, end) == tuple(wall_time(day, calendar.begin, SHANGHAI) for day in (first, last))
    assert days == (last - first).days
