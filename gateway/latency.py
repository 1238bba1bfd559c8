"""How long it takes: publish of the deciding reading -> order committed; a due timer -> order committed."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.created_order import CreatedOrder

KEEP = 10_000


@dataclass(slots=True)
class Latency:
    """The newest KEEP values in µs, apart for orders decided by a reading and by a timer."""

    reading: deque[int] = field(default_factory=lambda: deque(maxlen=KEEP))
    timer: deque[int] = field(default_factory=lambda: deque(maxlen=KEEP))

    def values(self) -> tuple[Sequence[int], Sequence[int]]:
        """(by reading, by timer): copies, from any thread."""
        return self.reading.copy(), self.timer.copy()

    def created(self, orders: Sequence[CreatedOrder], now: int) -> None:
        """Take the orders of one transaction, committed at `now`."""
        for order in orders:
            kind = self.reading if order.received and order.received >= order.at else self.timer
            kind.append(now - (order.received if kind is self.reading else order.at))


def quantile(values: Sequence[int], share: float) -> float | None:
    """Nearest rank, in ms; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000
