"""The bench of many rules at a small scale, and edits that leave nothing behind."""

import gc

import pytest

from gateway.cli.bench.fleet import BenchFleet, rules_of
from gateway.cli.bench.groups import BenchGroups
from gateway.cli.bench.rules import measure, statistics_rules, streak_rules, window_rules
from gateway.cli.bench.scale import Run, main, reloads, scale_rules
from gateway.cli.bench.time_alone import month_close, time_alone


def test_the_curve_is_measured() -> None:
    few, many = main(50, [10, 40])
    assert (few["rules"], many["rules"], many["devices"]) == (10, 40, 50)
    assert many["batch_ms"] > 0
    assert many["batch_ms_10x_matches"] > 0
    assert many["reloads"] == 100
    assert 0 < many["state_bytes_per_pair"] <= 64


@pytest.mark.parametrize(
    "rules", [window_rules(), statistics_rules(), streak_rules()], ids=["windows", "statistics", "streaks"]
)
def test_windows_and_streaks_are_measured(rules: list[str]) -> None:
    told = measure(rules, 0.02, BenchFleet(200, frames=2), 800)
    assert told["rules"] == 10
    assert told["rule_evals_s"] == pytest.approx(told["readings_s"] * 10 / 4)
    assert told["ratio"] == pytest.approx(told["rule_evals_s"] / told["reference_evals_s"])


def test_a_month_and_time_alone_are_measured() -> None:
    assert 0 < month_close(20) < 60
    told = time_alone(30, 2)
    assert told["devices"] == 30
    assert min(told["batch_ms"], told["tick_ms"], told["quiet_tick_ms"]) > 0


def test_the_rules_of_the_curve_load() -> None:
    assert len(rules_of(scale_rules(0, 40))) == 40


def test_reloads_leave_nothing_behind() -> None:
    run = Run(20)
    run.load(20)
    reloads(run, 20)
    gc.collect()
    before, tables = len(gc.get_objects()), len(run.bench.engine.evaluators.main.context.world.shared)
    reloads(run, 100)
    gc.collect()
    assert len(gc.get_objects()) - before < 100, "not one object for each of the 105 edits"
    assert len(run.bench.engine.evaluators.main.context.world.shared) == tables


def test_messages_that_overtake_each_other_seldom_put_a_group_in_doubt() -> None:
    """1 % of 10,000 sensors are in a fault, which is as many as the rule waits for in each group of 1,000."""
    groups = BenchGroups(10_000, 0.01)
    for number in range(48):
        groups.judge(number)
    assert groups.requests <= 2  # in two minutes, of ten groups
