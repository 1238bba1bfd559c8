"""Circuit breaker of an endpoint: stops sending while it fails, without using up attempts of waiting deliveries.

closed --failures--> open --time--> half-open --success--> closed
                      ^                 |failure (longer pause)
                      +-----------------+

Pure: times are µs of any clock that does not jump; nothing here waits. Every admission gives a permit of the present
generation; the results of older generations (attempts that began before the state changed) change nothing.
"""

from collections import deque
from enum import StrEnum
from typing import Protocol


class BreakerPolicy(Protocol):
    """The numbers of a breaker (`BreakerConfig`)."""

    @property
    def failures(self) -> int:
        """Failures in a row that open it."""

    @property
    def sample(self) -> int:
        """Fewest attempts in the window by which a share is judged."""

    @property
    def share(self) -> float:
        """Share of failures in the window that opens it."""

    @property
    def window(self) -> int:
        """µs."""

    @property
    def pause(self) -> int:
        """First pause, µs."""

    @property
    def longest(self) -> int:
        """Longest pause, µs."""

    @property
    def successes(self) -> int:
        """Probes in a row that close it."""


class BreakerState(StrEnum):
    """Open: nothing is sent. Half-open: one attempt at a time, as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


_MEMORY = 200  # attempts remembered for the share


class Breaker:
    """State of one endpoint."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._state = BreakerState.CLOSED
        self._generation = 0
        self._recent: deque[tuple[int, bool]] = deque(maxlen=_MEMORY)
        self._row = 0  # failures in a row when closed, successes in a row when half-open
        self._probing = False
        self._opened = 0  # times opened since it was last closed
        self._probed = 0  # when the last probe began
        self._until = 0

    def state(self, now: int) -> BreakerState:
        """Open becomes half-open by time alone."""
        if self._state is BreakerState.OPEN and now >= self._until:
            self._enter(BreakerState.HALF_OPEN)
        return self._state

    def until(self, now: int) -> int | None:
        """µs at which an open breaker lets a probe through; None when it is not open."""
        return self._until if self.state(now) is BreakerState.OPEN else None

    def allowed(self, now: int, most: int) -> int:
        """Number of attempts that may begin now, at most `most`."""
        match self.state(now):
            case BreakerState.CLOSED:
                return most
            case BreakerState.OPEN:
                return 0
            case BreakerState.HALF_OPEN:
                return 0 if self._probing else min(1, most)

    def admit(self, now: int) -> int | None:
        """A permit for one attempt that begins now, or None."""
        if not self.allowed(now, 1):
            return None
        self._probing = self._state is BreakerState.HALF_OPEN
        self._probed = now
        return self._generation

    def succeeded(self, permit: int, now: int) -> None:
        """The endpoint took it."""
        if permit != self._generation:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._probing = False
            self._row += 1
            if self._row >= self._policy.successes:
                self._enter(BreakerState.CLOSED)
                self._opened = 0
            return
        self._row = 0
        self._recent.append((now, True))

    def failed(self, permit: int, now: int) -> None:
        """The endpoint failed (refusing one message is no failure)."""
        if permit != self._generation:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._open(now, self._probed)
            return
        self._row += 1
        self._recent.append((now, False))
        while self._recent[0][0] <= now - self._policy.window:
            self._recent.popleft()
        failures = sum(not ok for _, ok in self._recent)
        by_share = len(self._recent) >= self._policy.sample and failures >= self._policy.share * len(self._recent)
        if self._row >= self._policy.failures or by_share:
            self._open(now, now)

    def neutral(self, permit: int) -> None:
        """The attempt does not count: a fault of this program, or it was cancelled."""
        if permit == self._generation:
            self._probing = False

    def reset(self) -> None:
        """Close it, for another receiver."""
        self._enter(BreakerState.CLOSED)
        self._opened = 0

    def pause_for(self, now: int, pause: int) -> None:
        """Open for `pause` µs, as the endpoint asked (Retry-After). A longer pause under way stays."""
        until = max(now + pause, self._until if self.state(now) is BreakerState.OPEN else 0)
        self._enter(BreakerState.OPEN)
        self._until = until

    def _open(self, now: int, since: int) -> None:
        """The pause counts from the begin of a probe: one that hangs does not make the next come later."""
        pause = min(self._policy.pause << min(self._opened, 32), self._policy.longest)
        self._opened += 1
        self._enter(BreakerState.OPEN)
        self._until = max(since + pause, now + min(self._policy.pause, self._policy.longest))

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._generation += 1
        self._row = 0
        self._probing = False
        self._recent.clear()
