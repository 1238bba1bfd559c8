"""Down-times of the gateway: what they take out of holds (RULES section 5)."""

KEEP = 64


class Downs:
    """The newest down-times (from, to), µs, oldest first."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int]] = []
        self.latest = -(1 << 62)

    def add(self, last: int, start: int) -> None:
        """The process was away from `last` to `start`; nothing when it was not."""
        if start > last:
            self.spans = [*self.spans[-KEEP + 1 :], (last, start)]
            self.latest = max(self.latest, start)

    def overlap(self, begin: int, end: int) -> int:
        """How much of [begin, end) the gateway was down, µs."""
        return sum(max(0, min(end, start) - max(begin, last)) for last, start in self.spans)

    def outlasted(self, begin: int, end: int) -> int:
        """The same for a device that promised no interval: a down-time in which it spoke at all does not count."""
        return sum(min(end, start) - max(begin, last) for last, start in self.spans if begin <= start <= end)
