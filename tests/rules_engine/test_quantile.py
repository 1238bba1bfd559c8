"""Percentiles of calendar windows: exact while few values differ, and a function of the values alone beyond that."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from engine_lab import told
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_lab import SignalLab, let, meter

from rules.engine.windows.quantile import DIFFERENT, ValueCounts

FEW = settings(max_examples=25, derandomize=True, deadline=None)
SPACE = SignalLab(let("{last: battery, over: 1m}"), [meter(1), meter(2), meter(3)]).space
RANKS = (1.0, 12.5, 50.0, 90.0, 99.9)


def counts() -> ValueCounts:
    """Without values."""
    made = ValueCounts(SPACE)
    made.grow()
    return made


def fed(values: Sequence[float], cuts: Sequence[int], thing: int = 0) -> ValueCounts:
    """The values in batches."""
    made, begin = counts(), 0
    for end in [*sorted(set(cuts)), len(values)]:
        part = np.array(values[begin:end], np.float64)
        made.add(np.full(len(part), thing), part)
        begin = max(begin, end)
    return made


def exact(values: Sequence[float], rank: float) -> float:
    """By definition."""
    return float(np.percentile(np.array(values), rank)) if values else math.nan


@FEW
@given(st.lists(st.sampled_from([round(0.1 * k, 1) for k in range(-50, 400)]), max_size=4000), st.sampled_from(RANKS))
def test_what_a_sensor_tells_is_exact(values: list[float], rank: float) -> None:
    assert fed(values, []).value(0, rank) == pytest.approx(exact(values, rank), rel=1e-12, abs=1e-12, nan_ok=True)


@FEW
@given(
    st.integers(0, 2**32),
    st.sampled_from((10, 1500, 5000, 20000)),
    st.sampled_from(RANKS),
    st.lists(st.integers(0, 20000), max_size=6),
)
def test_neither_order_nor_batches_matter(seed: int, size: int, rank: float, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(100, 3, size)
    found = fed(values.tolist(), [min(cut, size) for cut in cuts]).value(0, rank)
    assert found == fed(sorted(values.tolist()), []).value(0, rank)
    spread = float(values.max() - values.min())
    assert abs(found - exact(values.tolist(), rank)) <= 2 * spread / DIFFERENT


def test_a_month_of_readings_is_bounded_and_right() -> None:
    random = np.random.default_rng(3)
    values = random.gamma(2.0, 3.0, 267_840)
    made = fed(values.tolist(), list(range(0, 267_840, 8640)))
    assert made.held.shape[0] <= 2 * DIFFERENT
    assert sum(made.number[: made.used[0], 0].tolist()) == len(values)
    for rank in RANKS:
        assert made.value(0, rank) == pytest.approx(float(np.percentile(values, rank)), abs=0.04)


def test_values_of_every_size_come_to_an_end() -> None:
    random = np.random.default_rng(4)
    values = (random.choice([-1.0, 1.0], 9000) * 10.0 ** random.uniform(-300, 300, 9000)).tolist()
    found = fed(values, [])
    assert found.held.shape[0] <= 2 * DIFFERENT
    assert found.value(0, 50.0) == fed(values[::-1], [17, 3000]).value(0, 50.0)
    assert found.value(0, 99.0) > 1e200


def test_things_apart() -> None:
    """Several things in one batch, a table that grows for one of them, a row that moves, a restart."""
    random = np.random.default_rng(5)
    things = random.integers(0, 3, 9000)
    values = np.where(things == 2, random.normal(0, 1, 9000), np.round(random.normal(0, 1, 9000), 1))
    made = counts()
    for begin in range(0, 9000, 700):
        order = np.argsort(things[begin : begin + 700], kind="stable")
        made.add(things[begin : begin + 700][order], values[begin : begin + 700][order])
    moved, loaded = counts(), counts()
    loaded.load({name: np.array(table) for name, table in made.state().items()})
    for thing in range(3):
        moved.take_row(thing, made, thing)
        mine = values[things == thing].tolist()
        for one in (made, moved, loaded):
            assert one.value(thing, 90.0) == fed(mine, [], thing).value(thing, 90.0)
    made.forget(1)
    assert math.isnan(made.value(1, 50.0))
    assert not math.isnan(made.value(0, 50.0))


def test_a_day_of_one_meter_at_once() -> None:
    """Many windows of one thing in a batch are ordered one out of the other: the same as each by itself."""
    random = np.random.default_rng(6)
    frames = [[told(1, "battery", 60 * k, float(v))] for k, v in enumerate(np.round(random.normal(3, 1, 500), 2))]
    together = SignalLab(let("{percentile(75): battery, over: 2h, coverage: 0}"), [meter(1)])
    apart = SignalLab(let("{percentile(75): battery, over: 2h, coverage: 0}"), [meter(1)])
    together.read(*frames)
    for frame in frames:
        apart.read(frame)
    assert together.now == apart.now
    assert together.values()[-1] == pytest.approx(exact([f[0].value for f in frames[-120:]], 75.0), rel=1e-12)
