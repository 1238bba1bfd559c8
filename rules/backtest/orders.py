"""Number of orders for a list of episodes: a simplified desk without people."""

from collections import Counter
from collections.abc import Callable, Iterable

from gateway.domain.alarm import OrderPlan, Thing
from rules.backtest.episodes import FOREVER, BacktestEpisode

Place = Callable[[Thing, str], str]
"""(thing, `area` or `route`) -> the name of its batch."""


class _Order:
    """Open while any of its alarms is on; its close time is the last clear."""

    def __init__(self, at: int) -> None:
        self.made, self.until = at, at


def orders_per_day(episodes: Iterable[BacktestEpisode], day: Callable[[int], str], place: Place) -> dict[str, int]:
    """Local day -> new orders.

    One open order per thing and fault; it counts as closed when the last of its alarms clears. A raise within
    `reopen_within` of this reopens it, one within `cooldown` of the last order makes none, nor does an alarm that
    clears before `after`. A batch is one order per place, type and fault in `every`. Limits and quiet times are left
    out.
    """
    orders: dict[tuple[object, ...], _Order] = {}
    days: Counter[str] = Counter()
    for episode in sorted(episodes, key=lambda one: one.raised):
        plan, end = episode.order, FOREVER if episode.cleared is None else episode.cleared
        if plan is None or episode.stale or end - episode.raised < plan.after:
            continue
        at = episode.raised + plan.after
        key = _key(episode, plan, place)
        order = orders.get(key)
        if order is None or not _joins(order, plan, at):
            order = orders[key] = _Order(at)
            days[day(at)] += 1
        order.until = max(order.until, end)
    return dict(sorted(days.items()))


def _key(episode: BacktestEpisode, plan: OrderPlan, place: Place) -> tuple[object, ...]:
    if plan.batch_by:
        return ("batch", plan.type, plan.fault, plan.batch_by, place(episode.thing, plan.batch_by))
    return ("order", episode.thing, plan.fault)


def _joins(order: _Order, plan: OrderPlan, at: int) -> bool:
    if plan.batch_by:
        return at < order.made + plan.batch_every
    reopens = bool(plan.reopen_within) and at <= order.until + plan.reopen_within
    return at <= order.until or reopens or at < order.made + plan.cooldown
