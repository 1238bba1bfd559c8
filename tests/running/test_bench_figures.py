"""What the benches make of what they measured."""

import os

import pytest

from gateway.adapters import SERIES
from gateway.cli.bench import desk, stores
from gateway.cli.bench.ingest import Slice, _figures
from gateway.cli.bench.machine import against, cpu_seconds, reference, rss_mb
from gateway.domain.reading import Batch


def test_the_cpu_ratio_is_that_of_each_pair_of_slices() -> None:
    raws = [Slice(50_000, 10.0), Slice(40_000, 12.0), Slice(60_000, 8.0)]
    fulls = [Slice(40_000, 12.5), Slice(30_000, 15.0), Slice(50_000, 16.0)]
    got = _figures(raws, fulls)
    assert (got["raw_msgs_s"], got["full_msgs_s"], got["ratio"]) == (50_000, 40_000, 0.8)
    assert (got["raw_cpu_us"], got["full_cpu_us"]) == (10.0, 15.0)
    assert got["cpu_ratios"] == [0.8, 0.8, 0.5]
    assert (got["cpu_ratio"], got["spread"]) == (0.8, pytest.approx(0.375))


def test_figures_are_put_against_the_machine() -> None:
    """A loop of 20 ms: a rate is so many in its time, a time so many loops; counts and ratios stay out."""
    figures = {"full_msgs_s": 40_000, "urgent_ms": 50.0, "seconds": 3.0, "ratio": 0.9, "lost": 0, "slices_s": [1, 2]}
    assert against(figures, {"python_ms": 20.0, "numpy_ms": 5.0}) == {
        "full_msgs_s": 800.0,
        "urgent_ms": 2.5,
        "seconds": 150.0,
    }


def test_the_machine_is_measured() -> None:
    assert all(value > 0 for value in reference().values())
    assert cpu_seconds(os.getpid()) > 0
    assert rss_mb(os.getpid()) > 10


def test_every_store_that_runs_here_is_measured_with_readings_that_are_new() -> None:
    assert set(stores.COUNTERPARTS) <= set(SERIES)
    first, second = stores.records(1), stores.records(51)
    assert [one.seq for one in first + second] == list(range(1, 101))
    identities: set[tuple[int, int, int]] = set()
    for one in first + second:
        assert isinstance(one.body, Batch)
        identities |= set(zip(one.body.device.tolist(), one.body.point.tolist(), one.body.at.tolist(), strict=True))
    assert len(identities) == 2 * stores.MOST_ROWS


def test_a_store_without_a_server_has_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MOST_ROWS", 8_000)
    monkeypatch.setattr(stores, "COUNTERPARTS", {"duckdb": stores.COUNTERPARTS["duckdb"]})
    figures = stores.measure(0.01)
    assert figures.pop("duckdb_rows_s") > 0
    assert set(figures.values()) == {None}


def test_the_desk_is_measured_and_every_alarm_makes_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DEVICES": 40, "SITES": 4, "BURST": 60, "CHUNK": 20, "COMMANDS": 5}.items():
        monkeypatch.setattr(desk, name, value)
    figures = desk.measure("sqlite", 0.01)
    assert (figures["database"], figures["burst"], figures["orders"] % 20) == ("sqlite", 60, 0)
    assert min(figures["orders_s"], figures["commands_s"], figures["burst_seconds"]) > 0
    assert len({(one.thing, one.rule) for one in map(desk.raised, range(1, 400))}) == 399
