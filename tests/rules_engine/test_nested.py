"""Signals of expressions and of other signals: one meaning whatever the path, and that of plain Python."""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_engine.engine_lab import T0, S, bytes_of, meter, rules_of, run, told
from rules_engine.signal_lab import SignalLab
from rules_engine.test_engine_equivalence import journals
from rules_engine.test_properties import everywhere

from gateway.domain.reading import Batch, Reading
from gateway.domain.record import Record, RuleSet
from rules.compiled import Rule

SOME = settings(max_examples=5, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
CHARGER, METER = "{kind: charger, each: connector}", "{kind: gas_meter}"
WRITTEN = (
    ("expression", CHARGER, '{d: {mean: "gun_temp - ambient", over: 40s, coverage: 0}}', "d > 40 degC"),
    ("product", CHARGER, '{w: {max: "gun_temp / 10 degC * current", over: 60s, coverage: 0}}', "w > 12 A"),
    ("swing", CHARGER, '{r: {rise: "gun_temp - ambient", over: 60s, max_gap: 50s}}', "r > 15 degC"),
    ("baseline", CHARGER, '{e: {ewma: "gun_temp - ambient", half_life: 20s}}', "e > 35 degC"),
    (
        "sliding", CHARGER, "{m: {mean: gun_temp, over: 30s, coverage: 0}, top: {max: m, over: 60s, coverage: 0}}",
        "top > 80 degC",
    ),
    (
        "truths", CHARGER,
        ("{m: {mean: gun_temp, over: 30s, coverage: 0}, n: {times: 'm > 78 degC', over: 90s}, "
        "part: {share: 'm > 78 degC', over: 60s, coverage: 0.2}}"),
        "n >= 2 or part > 0.5",
    ),
    (
        "windows", METER, "{h: {mean: battery, per: hour, coverage: 0}, u: {median: h, over: 4h, coverage: 0.2}}",
        "u > 3.15 V",
    ),
    (
        "peak", METER, "{m: {mean: battery, over: 1h, coverage: 0.1}, p: {max: m, per: hour, coverage: 0}}",
        "p > 3.2 V",
    ),
    (
        "three", METER,
        ("{u: {increase: volume, per: hour, coverage: 0}, q: {percentile(75): u, over: 3h, coverage: 0}, "
        "z: {last: 'q + u', per: day, coverage: 0}, n: {times: 'u > 2 m3', per: day}}"),
        "q > 3 m3 or z > 4 m3 or n >= 2",
    ),
)  # fmt: skip
RULES = rules_of(
    "format: 1\nrules:\n"
    + "".join(
        f'- id: nested.{name}\n  why: w\n  watch: {watch}\n  let: {let}\n  when: "{when}"\n'
        "  then: {order: {type: repair}}\n"
        for name, watch, let, when in WRITTEN
    )
)


def nested(records: Sequence[Record]) -> list[Record]:
    """The journal with these rules instead of its own."""
    return everywhere([one for one in records if not isinstance(one.body, RuleSet)], RULES)


@SOME
@given(journals())
def test_columns_equal_the_scalar_reference(records: list[Record]) -> None:
    whole = nested(records)
    assert bytes_of(run(whole)) == bytes_of(run(whole, scalar=True))


@SOME
@given(journals(), st.integers(0, 200))
def test_a_restart_anywhere_changes_nothing(records: list[Record], where: int) -> None:
    whole = nested(records)
    assert bytes_of(run(whole)) == bytes_of(run(whole, restart_at=where % len(whole)))


@SOME
@given(journals())
def test_batches_change_nothing(records: list[Record]) -> None:
    apart: list[Record] = []
    for one in nested(records):
        body = one.body
        if isinstance(body, Batch):
            parts = [body.select(np.flatnonzero(body.frame == frame)) for frame in np.unique(body.frame).tolist()]
            apart += [Record(len(apart) + k, one.at, part) for k, part in enumerate(parts, 1)]
        else:
            apart.append(Record(len(apart) + 1, one.at, body))
    assert said(apart) == said(nested(records))


def said(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """What became of each alarm, in order."""
    found = [(one.rule, one.thing.device, one.thing.component, one.at, one.change.value) for one in run(records)]
    return sorted(found, key=lambda one: one[:3])


# --- plain Python
def lab_of(let: str, kind: str = METER) -> SignalLab:
    """The signals of a rule; `x` is asked for."""
    rule: Rule = rules_of(
        f'format: 1\nrules:\n- id: r\n  why: w\n  watch: {kind}\n  let: {let}\n  when: "x > 2 * x"\n'
        "  then: {order: {type: repair}}\n"
    )[0]
    lab = SignalLab(rule, [meter(1)])
    lab.name = "x"
    return lab


VALUES = (2.5, 3.0, 3.1, 3.7, math.nan)


@SOME
@given(
    st.lists(
        st.tuples(st.sampled_from((600, 600, 1200, 2400)), st.sampled_from(VALUES), st.sampled_from((*VALUES, None)))
    ),
    st.booleans(),
)
def test_an_expression_has_a_value_whenever_one_of_its_points_comes(
    steps: list[tuple[int, float, float | None]], together: bool
) -> None:
    """Sum of b - v over two hours, coverage 0, by the newest value of each point."""
    lab = lab_of('{x: {sum: "battery / 1 V - volume / 1 m3", over: 2h, coverage: 0}}')
    frames: list[list[Reading]] = []
    rows: dict[int, float] = {}
    at, battery, volume, expected = 0, math.nan, math.nan, []
    for step, first, second in steps:
        at, battery = at + step, first
        frame = [told(1, "battery", at, first)]
        if second is not None:
            frame.append(told(1, "volume", at, second))
            volume = second
        frames.append(frame)
        rows[at] = battery - volume
        known = [value for t, value in rows.items() if t <= at and value == value]
        inside = [value for t, value in rows.items() if at - 7200 < t <= at and value == value]
        expected.append(math.fsum(inside) if known else math.nan)
    for part in [frames] if together else [[frame] for frame in frames]:
        if part:
            lab.read(*part)
    assert [value for _, _, value in lab.now] == pytest.approx(expected, nan_ok=True, abs=1e-9)


@SOME
@given(st.lists(st.sampled_from((0.0, 1.0, 1.0, 2.0, 5.0)), min_size=30, max_size=240), st.integers(2, 9))
def test_a_calendar_signal_gives_one_value_per_closed_window(steps: list[float], over: int) -> None:
    """A reading every hour; the median of the last days."""
    lab = lab_of(f"{{x: {{median: daily, over: {over}d, coverage: 0}}, daily: {{increase: volume, per: day}}}}")
    total = np.cumsum(steps).tolist()
    lab.read(*[[told(1, "volume", 3600 * k, value)] for k, value in enumerate(total)])
    days = [total[24 * (k + 1) - 1] - (total[24 * k - 1] if k else total[0]) for k in range((len(total) - 1) // 24)]
    assert [end for _, end, _ in lab.closed] == [86400.0 * (k + 1) for k in range(len(days))]
    expected = [median(days[max(0, k + 1 - over) : k + 1]) for k in range(len(days))]
    assert [value for _, _, value in lab.closed] == pytest.approx(expected)


@SOME
@given(st.lists(st.sampled_from(VALUES[:4]), min_size=8, max_size=300))
def test_a_sliding_signal_gives_a_value_whenever_it_is_judged(values: list[float]) -> None:
    """A reading every ten minutes: the largest mean of three of them, in each hour."""
    lab = lab_of("{m: {mean: battery, over: 30m, coverage: 0}, x: {max: m, per: hour, coverage: 0}}")
    lab.read(*[[told(1, "battery", 600 * k, value)] for k, value in enumerate(values)])
    means = [math.fsum(values[max(0, k - 2) : k + 1]) / len(values[max(0, k - 2) : k + 1]) for k in range(len(values))]
    hours = [means[6 * k : 6 * k + 6] for k in range((len(values) - 1) // 6)]
    assert [value for _, _, value in lab.closed] == pytest.approx([max(hour) for hour in hours])


@SOME
@given(st.lists(st.sampled_from(VALUES), min_size=60, max_size=300))
def test_a_day_counts_in_the_window_it_lies_in(values: list[float]) -> None:
    """A reading every two hours: on how many days of a week the least was above 2.9 V."""
    lab = lab_of(
        "{low: {min: battery, per: day, coverage: 0}, x: {sum: 'low > 2.9 V ? 1 : 0', per: week, coverage: 0}}"
    )
    lab.read(*[[told(1, "battery", 7200 * k, value)] for k, value in enumerate(values)])
    lab.tick(7200 * len(values))
    days = [[v for v in values[12 * k : 12 * k + 12] if v == v] for k in range(len(values) // 12)]
    good = [float(bool(day) and min(day) > 2.9) if day else math.nan for day in days]
    for _, end, value in lab.closed:
        day = round(end / 86400)
        if (T0 // S + round(end)) % (7 * 86400) != 4 * 86400:  # 1970 began on a Thursday
            continue
        known = [one for one in good[max(0, day - 7) : day] if one == one]
        heard = any(one == one for one in good[:day])
        assert value == pytest.approx(math.fsum(known) if heard else math.nan, nan_ok=True)
