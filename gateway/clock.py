"""The clocks of the machine."""

import time


class SystemClock:
    """Port Clock: the wall clock and a monotonic clock."""

    def now(self) -> int:
        """µs since 1970 UTC."""
        return time.time_ns() // 1000

    def steady(self) -> int:
        """µs of a monotonic clock, from any origin."""
        return time.monotonic_ns() // 1000
