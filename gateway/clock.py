"""The wall clock."""

import time


class SystemClock:
    """Port Clock."""

    def now(self) -> int:
        """µs since 1970 UTC."""
        return time.time_ns() // 1000
