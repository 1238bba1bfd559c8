"""Sliding windows, rates, swings, shares and baselines against numbers worked out by hand."""

import math
from collections.abc import Sequence

import pytest
from engine_lab import POINTS, T0, S, charger, meter, told
from signal_lab import SignalLab, let

from gateway.domain.counter import NewMeter
from gateway.domain.device import Site
from gateway.domain.duration import HOUR
from rules.engine.frames.at import At

NAN = float("nan")
M = 600  # the lab's meters promise a reading every 600 s


def fed(text: str, rows: Sequence[tuple[float, float]], name: str = "battery") -> list[float | None]:
    """Values of a signal of a meter after each reading (seconds, value), one batch."""
    lab = SignalLab(let(text))
    lab.read(*[[told(1, name, at, value)] for at, value in rows])
    return lab.values()


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("mean", 4.0),
        ("min", 2.0),
        ("max", 7.0),
        ("sum", 12.0),
        ("count", 3.0),
        ("first", 3.0),
        ("last", 7.0),
        ("spread", 5.0),
        ("stddev", math.sqrt((1 + 4 + 9) / 3)),
    ],
)
def test_aggregates_of_the_last_half_hour(what: str, expected: float) -> None:
    rows = [(0, 9.0), (M, 3.0), (2 * M, 2.0), (3 * M, 7.0)]
    unknown = None  # less than 0.9 of the window was observed
    assert fed(f"{{{what}: battery, over: 30m}}", rows) == [unknown, unknown, unknown, pytest.approx(expected)]


def test_a_window_is_half_open_and_shrinks_as_time_goes_on() -> None:
    lab = SignalLab(let("{count: battery, over: 30m, coverage: 0.1}"))
    lab.read(*[[told(1, "battery", k * M, 3.0)] for k in range(5)])
    assert lab.values() == [None, 2.0, 3.0, 3.0, 3.0]  # the one exactly half an hour ago is out
    assert [lab.at(4 * M), lab.at(5 * M - 1), lab.at(5 * M), lab.at(6 * M)] == [3.0, 3.0, 2.0, 1.0]
    assert math.isnan(lab.at(10 * M))  # observed for three intervals at most


def test_coverage_counts_observed_time() -> None:
    rows = [(0, 1.0), (M, 2.0), (7 * M, 3.0)]  # silent for six intervals, of which three are observed
    assert fed("{mean: battery, over: 70m, coverage: 0.57}", rows)[-1] == pytest.approx(2.5)
    assert fed("{mean: battery, over: 70m, coverage: 0.58}", rows)[-1] is None


def test_a_bad_reading_ends_what_is_observed() -> None:
    rows = [(0, 1.0), (M, NAN), (2 * M, 3.0)]
    assert fed("{last: battery, over: 20m, coverage: 0.5}", rows) == [None, 1.0, 3.0]
    assert fed("{last: battery, over: 20m, coverage: 0.6}", rows)[-1] is None


def test_the_last_word_on_a_moment_counts() -> None:
    lab = SignalLab(let("{sum: battery, over: 30m, coverage: 0}"))
    for value in (1.0, 5.0):
        lab.read([told(1, "battery", 0, value)])
    lab.read([told(1, "battery", M, 2.0)], [told(1, "battery", M, 3.0)], [told(1, "battery", M, NAN)])
    assert lab.values() == [1.0, 5.0, 7.0, 8.0, 5.0]


def test_increase_over_an_hour() -> None:
    rows = [(k * M, 10.0 + k) for k in range(8)]
    text = "{increase: volume, over: 1h}"
    assert fed(text, rows, "volume") == [None] * 6 + [6.0, 6.0]  # 16 - 10, 17 - 11
    assert fed("{increase: volume, over: 1h, coverage: 0.5}", rows, "volume")[:4] == [None, None, None, 3.0]


def test_increase_over_a_rollover_a_swap_and_a_row_sent_again() -> None:
    values = [998.0, 999.0, 1.0, 2.0, 1.9999, 3.0]  # the lab's meters roll over at 1000
    rows = [(k * M, value) for k, value in enumerate(values)]
    assert fed("{increase: volume, over: 1h, coverage: 0}", rows, "volume") == [0.0, 1.0, 3.0, 4.0, 4.0, 5.0]
    swapped = [(k * M, value) for k, value in enumerate((100.0, 101.0, 5.0, 6.0))]
    assert fed("{increase: volume, over: 1h, coverage: 0}", swapped, "volume") == [0.0, 1.0, 1.0, 2.0]
    text = "{increase: volume, over: 1h, coverage: 0, counter: {reset: restart}}"
    assert fed(text, swapped, "volume") == [0.0, 1.0, 6.0, 7.0]


def test_a_gap_across_the_start_loses_its_share() -> None:
    rows = [(0, 10.0), (M, 11.0), (6 * M, 20.0), (9 * M, 21.0)]
    # at 9 M the window is (3 M, 9 M]; the silence (M, 6 M] covers half of it
    assert fed("{increase: volume, over: 1h, coverage: 0.5}", rows, "volume")[-1] == 10.0
    assert fed("{increase: volume, over: 1h, coverage: 0.51}", rows, "volume")[-1] is None


def test_rate_between_two_readings_and_over_a_window() -> None:
    rows = [(0, 10.0), (M, 11.0), (2 * M, 13.0), (6 * M, 14.0), (7 * M, 14.0)]
    assert fed("{rate: volume}", rows, "volume") == [None, pytest.approx(6.0), pytest.approx(12.0), None, 0.0]
    assert fed("{rate: volume, over: 20m}", rows, "volume")[:3] == [None, pytest.approx(6.0), pytest.approx(9.0)]
    assert fed("{rate: volume, max_gap: 1h}", rows, "volume")[3] == pytest.approx(1.5)


def test_a_gauge_falls_a_counter_rolls_over() -> None:
    assert fed("{rate: battery}", [(0, 3.6), (M, 3.0)])[-1] == pytest.approx(-3.6)
    assert fed("{rate: volume}", [(0, 999.0), (M, 1.0)], "volume")[-1] == pytest.approx(12.0)


def test_rise_and_fall() -> None:
    rows = [(0, 3.0), (M, 3.5), (2 * M, 3.2), (3 * M, 3.4), (4 * M, 3.1)]
    fall = [None if v is None else round(v, 6) for v in fed("{fall: battery, over: 30m}", rows)]
    assert fall == [0.0, 0.0, 0.3, 0.1, 0.3]
    rise = [None if v is None else round(v, 6) for v in fed("{rise: battery, over: 30m}", rows)]
    assert rise == [0.0, 0.5, 0.2, 0.2, 0.0]


def test_a_fall_across_a_silence_is_none() -> None:
    rows = [(0, 80.0), (300, 60.0), (360, 59.0)]
    text = "{fall: battery, over: 10m, max_gap: 2m}"
    assert fed(text, rows) == [0.0, None, None]
    assert fed(text, [(0, 80.0), (3600, 60.0), (3660, 59.0)]) == [0.0, 0.0, 1.0]


def test_share_of_observed_time() -> None:
    rows = [(0, 3.0), (M, 3.2), (2 * M, 3.0), (3 * M, NAN), (4 * M, 3.0)]
    text = '{share: "battery < 3.1 V", over: 30m, coverage: 0.6}'
    # at 2 M: true for 10 of 20 minutes; at 3 M: 20 of 30; at 4 M: 10 of 20 of the half hour before
    assert fed(text, rows) == [None, None, 0.5, pytest.approx(2 / 3), 0.5]


def test_ewma_and_zscore_by_half_life() -> None:
    rows = [(0, 10.0), (M, 20.0), (2 * M, 0.0)]
    assert fed("{ewma: battery, half_life: 10m}", rows) == [10.0, pytest.approx(15.0), pytest.approx(7.5)]
    # variance after 10, 20: 0.5 * (0 + 0.5 * 100) = 25
    assert fed("{zscore: battery, half_life: 10m}", rows) == [None, None, pytest.approx((0 - 15) / 5)]


def test_a_baseline_warms_up_and_outlives_silence() -> None:
    rows = [(k * M, 10.0) for k in range(4)] + [(1000 * M, 20.0)]
    found = fed("{ewma: battery, half_life: 30m, warmup: 20m}", rows)
    assert found[:2] == [None, None]
    assert found[2:] == [10.0, 10.0, pytest.approx(15.0)]  # three intervals passed, not 996


def test_the_last_word_on_a_moment_counts_in_a_baseline() -> None:
    lab = SignalLab(let("{ewma: battery, half_life: 10m}"))
    for at, value in ((0, 10.0), (M, 99.0), (M, 20.0)):
        lab.read([told(1, "battery", at, value)])
    assert lab.values()[-1] == pytest.approx(15.0)


def test_a_season_keeps_the_hours_of_the_week_apart() -> None:
    site = Site("S", timezone="Asia/Shanghai")
    lab = SignalLab(let("{ewma: battery, half_life: 6h, season: hour_of_week}"), [meter(1, site="S")], [site])
    for week in range(3):
        for hour, value in ((0, 1.0), (1, 5.0)):
            lab.read([told(1, "battery", week * 7 * 86400 + hour * 3600, value)])
    assert [round(value, 9) for _, _, value in lab.now] == [1.0, 5.0, 1.0, 5.0, 1.0, 5.0]
    assert {name.rpartition(".")[2] for name in lab.signals.state()} >= {"slots", "seat"}
    assert lab.signals.state()["0.weeks.slots"].nbytes == 2688


def test_what_it_is_worth_reaches_the_evidence() -> None:
    lab = SignalLab(let("{mean: battery, over: 20m}"))
    lab.read(*[[told(1, "battery", k * M, float(k))] for k in range(4)])
    seen = lab.signals.seen(At(0, T0 + 3 * M * S))
    assert [(one.name, one.value, one.end - one.start, one.coverage) for one in seen] == [("x", 2.5, HOUR // 3, 1.0)]


def test_a_new_meter_is_no_increase_and_no_rate() -> None:
    for text in ("{increase: volume, over: 1h, coverage: 0}", "{rate: volume}"):
        lab = SignalLab(let(text))
        lab.read([told(1, "volume", 0, 500.0)], [told(1, "volume", M, 501.0)])
        lab.signals.exchange(0, "volume", NewMeter(2.0, T0 + 1000 * S), lab)
        lab.read([told(1, "volume", 2 * M, 3.0)])
        assert lab.values()[-1] == pytest.approx(2.0 if "increase" in text else 6.0)


def test_connectors_have_windows_of_their_own() -> None:
    lab = SignalLab(let("{max: gun_temp, over: 20s, coverage: 0}", "charger"), [charger(1)])
    lab.read([told(1, "gun_temp", 0, 30.0, 1), told(1, "gun_temp", 0, 40.0, 2)], [told(1, "gun_temp", 10, 20.0, 1)])
    assert [value for _, at, value in lab.now if at == 10] == [30.0]
    assert POINTS["charger", "gun_temp", 1].every == 10 * S
