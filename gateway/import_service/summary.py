"""Alarms and orders that an import caused."""

from collections.abc import Callable, Iterator
from typing import Any

from gateway.domain.workorder import Alarm, WorkOrder
from gateway.store import AlarmFilter, OrderFilter, Page, Queries

PAGE = 500


def raised_by(queries: Queries, devices: set[int], first: int, opened: int) -> tuple[int, int]:
    """(alarms, orders) of these devices recorded since `opened` µs for events since `first` µs. Blocking."""
    if not devices:
        return 0, 0
    want = AlarmFilter(since=first)
    alarms: list[Alarm] = [
        alarm
        for alarm in _all(lambda after: queries.alarms(want, PAGE, after))
        if alarm.imported and alarm.recorded_at >= opened and alarm.device in devices
    ]
    wanted = {alarm.order for alarm in alarms if alarm.order}
    if not wanted:
        return len(alarms), 0
    fresh = OrderFilter(since=opened)
    orders: list[WorkOrder] = list(_all(lambda after: queries.orders(fresh, PAGE, after)))
    return len(alarms), len(wanted & {order.id for order in orders})


def _all(page: Callable[[str], Page[Any]]) -> Iterator[Any]:
    after = ""
    while True:
        found = page(after)
        yield from found.items
        if not found.next:
            return
        after = found.next
