"""The clocks of the machine."""

import time


class SystemClock:
    """Port Clock: the wall clock, and one that nobody sets."""

    def now(self) -> int:
        """µs since 1970 UTC."""
        return time.time_ns() // 1000

    def steady(self) -> int:
        """µs since some moment of the past: it only goes forward, at the pace of time."""
        return time.monotonic_ns() // 1000
