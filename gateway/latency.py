"""Latencies of orders: from the publish of the deciding reading, or from the due time of a timer, to the commit."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.created_order import CreatedOrder

KEEP = 10_000


@dataclass(slots=True)
class Latency:
    """The newest KEEP values in µs, separate for orders decided by a reading and by a timer."""

    reading: deque[int] = field(default_factory=lambda: deque(maxlen=KEEP))
    timer: deque[int] = field(default_factory=lambda: deque(maxlen=KEEP))

    def values(self) -> tuple[Sequence[int], Sequence[int]]:
        """(by reading, by timer): copies, from any thread."""
        return self.reading.copy(), self.timer.copy()

    def created(self, orders: Sequence[CreatedOrder], now: int) -> None:
        """Add the orders of one transaction, committed at `now` µs."""
        for order in orders:
            kind = self.reading if order.received and order.received >= order.at else self.timer
            kind.append(now - (order.received if kind is self.reading else order.at))


def quantile(values: Sequence[int], share: float) -> float | None:
    """Quantile by nearest rank, in ms; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000
