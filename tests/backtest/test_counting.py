"""Orders per day without a desk, and two sets of episodes side by side."""

from gateway.domain.alarm import Level, OrderPlan, Thing
from gateway.domain.duration import DAY, HOUR
from rules.backtest import BacktestEpisode, compared, orders_per_day

PLAN = OrderPlan("repair", "E07")


def _episode(
    raised: int,
    cleared: int | None,
    device: int = 1,
    rule: str = "r",
    plan: OrderPlan | None = PLAN,
    *,
    level: Level = Level.MAJOR,
    stale: bool = False,
) -> BacktestEpisode:
    end = None if cleared is None else cleared * HOUR
    return BacktestEpisode(rule, Thing(device), (), raised * HOUR, end, level, order=plan, stale=stale)


def _orders(*episodes: BacktestEpisode) -> dict[str, int]:
    return orders_per_day(episodes, lambda us: str(us // DAY), lambda thing, by: f"{by}{thing.device % 2}")


def test_rules_of_one_fault_share_an_order_while_an_alarm_is_on() -> None:
    both = [_episode(1, 4), _episode(2, 6, rule="other"), _episode(5, 7), _episode(30, 31)]
    assert _orders(*both) == {"0": 1, "1": 1}
    assert _orders(_episode(1, None), _episode(50, 51)) == {"0": 1}
    assert _orders(_episode(1, 4), _episode(1, 4, device=2)) == {"0": 2}


def test_reopening_and_cooldown_make_no_new_order() -> None:
    reopens = OrderPlan("repair", "E07", reopen_within=3 * HOUR)
    assert _orders(_episode(1, 2, plan=reopens), _episode(5, 6, plan=reopens)) == {"0": 1}
    assert _orders(_episode(1, 2, plan=reopens), _episode(6, 7, plan=reopens)) == {"0": 2}
    cools = OrderPlan("repair", "E07", cooldown=6 * HOUR)
    assert _orders(_episode(1, 2, plan=cools), _episode(6, 7, plan=cools), _episode(8, 9, plan=cools)) == {"0": 2}


def test_what_is_too_short_stale_or_asks_for_none_makes_no_order() -> None:
    after = OrderPlan("repair", "E07", after=2 * HOUR)
    assert _orders(_episode(23, 24, plan=after), _episode(23, 26, plan=after, device=2)) == {"1": 1}
    assert _orders(_episode(1, 2, stale=True), _episode(1, 2, plan=None)) == {}


def test_a_batch_is_one_order_per_place_and_period() -> None:
    plan = OrderPlan("repair", "E07", batch_by="area", batch_every=48 * HOUR)
    fleet = [_episode(k, k + 1, device=k, plan=plan) for k in range(1, 9)]
    assert _orders(*fleet) == {"0": 2}
    assert _orders(*fleet, _episode(60, 61, device=1, plan=plan)) == {"0": 2, "2": 1}


def test_episodes_that_overlap_are_the_same_one() -> None:
    old = [_episode(1, 4), _episode(10, 12), _episode(20, 21), _episode(30, None)]
    new = [_episode(1, 4), _episode(11, 12), _episode(25, 26), _episode(31, None, level=Level.CRITICAL)]
    found = compared(old, new)
    assert found.same == 1
    assert [(one.old.raised // HOUR, one.new.raised // HOUR) for one in found.moved] == [(10, 11), (30, 31)]
    assert [one.raised // HOUR for one in found.only_old] == [20]
    assert [one.raised // HOUR for one in found.only_new] == [25]


def test_one_long_episode_is_matched_with_the_first_of_two() -> None:
    found = compared([_episode(1, 10)], [_episode(2, 3), _episode(5, 6)])
    assert [(one.old.raised // HOUR, one.new.raised // HOUR) for one in found.moved] == [(1, 2)]
    assert [one.raised // HOUR for one in found.only_new] == [5]
    assert compared([_episode(1, 2)], [_episode(1, 2, device=2)]).same == 0
