"""Wrong clocks: those of devices and that of the gateway (RULES section 5, Clocks). Pure."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.domain.duration import DAY, SECOND
from gateway.domain.reading import I64, Batch, Flag, Quality
from gateway.domain.record import ClockStep, Down

YEAR_2000: Final = 946_684_800_000_000
"""µs; an event time before it comes from a clock that was never set."""
BUILT: Final = 1_767_225_600_000_000
"""µs, 2026-01-01: an earlier time of the gateway's clock is wrong when the journal has a later one."""
TOLERANCE: Final = 2 * SECOND
"""µs; a smaller difference is drift (clocks are slewed), not a step."""


def clamp(batch: Batch, ahead_limit: int) -> tuple[Batch, NDArray[np.bool_] | None]:
    """Replace wrong event times by the receive time of their frame: flagged, and uncertain unless bad.

    Wrong is more than `ahead_limit` µs after the receive time, or (not for imported history) before 2000. Returns the
    rows that changed, bool[n]; None = none did, and the batch is the same.
    """
    if not len(batch):
        return batch, None
    received = batch.received[batch.frame]
    imported = (batch.flags & Flag.IMPORTED) != 0
    wrong: NDArray[np.bool_] = (batch.at > received + ahead_limit) | ((batch.at < YEAR_2000) & ~imported)
    if not wrong.any():
        return batch, None
    doubtful = wrong & (batch.quality == Quality.GOOD)
    return Batch(
        batch.device,
        batch.point,
        np.where(wrong, received, batch.at),
        batch.value,
        np.where(doubtful, np.uint8(Quality.UNCERTAIN), batch.quality),
        np.where(wrong, batch.flags | np.uint8(Flag.CLAMPED), batch.flags),
        batch.frame,
        batch.received,
    ), wrong


def older_than_retention(at: I64, received: I64, retention: int) -> NDArray[np.bool_] | None:
    """bool[n]: event times older than `retention` µs (0 = no limit); None = no such row. These clocks are right, but
    the reading would be deleted as soon as it is stored."""
    if not retention or not len(at):
        return None
    old: NDArray[np.bool_] = (at < received - retention) & (at >= YEAR_2000)
    return old if old.any() else None


def received_by(batch: Batch, now: int) -> Batch:
    """The batch with no receive time after `now` µs. A later one was recorded before the gateway's clock was set
    back."""
    if not batch.frames or int(batch.received.max()) <= now + TOLERANCE:
        return batch
    received = np.minimum(batch.received, now)
    return Batch(batch.device, batch.point, batch.at, batch.value, batch.quality, batch.flags, batch.frame, received)


def mark_suspect(batch: Batch) -> Batch:
    """The batch with all rows marked: received while the gateway's own clock was behind its journal."""
    return Batch(
        batch.device,
        batch.point,
        batch.at,
        batch.value,
        batch.quality,
        batch.flags | np.uint8(Flag.CLOCK_SUSPECT),
        batch.frame,
        batch.received,
    )


class Watermark:
    """Newest time in the journal, µs. The gateway's clock is suspect while it is earlier."""

    def __init__(self, newest: int) -> None:
        self.newest = newest

    def observe(self, now: int) -> bool:
        """Returns whether `now` (µs), the time about to be journaled, is suspect."""
        suspect = now < self.newest
        self.newest = max(self.newest, now)
        return suspect


class Timekeeper:
    """Detects steps of the gateway's clock; decides which of them to journal, and when engine time follows a step back.

    The clock is compared with a monotonic one (`steady`, any origin). Pure; all times µs. `mark.newest` is the newest
    time in the journal. When the clock is up to `limit` behind it, engine time waits. It also waits for a clock that
    was never set (before `BUILT`, as with an empty battery) when the journal has a later time. Any other observed step
    back is followed at once. A clock found behind, as after a start, is followed after `patience`.

    A clock that was set, or is found, more than a day ahead may be wrong: for a day it is not `trusted` with deletions.
    """

    def __init__(self, newest: int, limit: int, patience: int) -> None:
        self.mark = Watermark(newest)
        self._limit, self._patience = limit, patience
        self._offset: int | None = None
        self._behind: int | None = None
        self._distrusted_until: int | None = None
        self._before: tuple[int | None, int, int | None] = (None, newest, None)

    def check(self, now: int, steady: int) -> tuple[Down | ClockStep, ...]:
        """Records to journal before all others at clock time `now`; usually none."""
        self._before = self._offset, self.mark.newest, self._behind
        newest = self.mark.newest
        ahead = now - newest if self._offset is None else now - steady - self._offset
        shift = 0 if self._offset is None else ahead
        self._offset, expected = now - steady, now - shift
        if ahead > DAY:
            self._distrusted_until = steady + DAY if now - ahead >= BUILT else None
        elif ahead < -TOLERANCE:
            self._distrusted_until = None
        if shift > TOLERANCE:
            last = max(expected, newest)
            down = (Down(last, now),) if now > last else ()
            return (*down, ClockStep(expected, now))
        set_back = shift < -TOLERANCE
        if newest - now <= self._limit or now < BUILT <= newest:
            self._behind = None
            return (ClockStep(expected, now, waits=True),) if set_back else ()
        if not set_back:
            self._behind = steady if self._behind is None else self._behind
            if steady - self._behind < self._patience:
                return ()
        self._behind, self.mark.newest = None, now
        return (ClockStep(expected if set_back else newest, now),)

    def trusted(self, steady: int) -> bool:
        """True if data that is old by this clock may be deleted."""
        return self._distrusted_until is None or steady >= self._distrusted_until

    def undo(self) -> None:
        """Restore the state before the last `check`, whose records could not be journaled. The next `check` finds the
        step again."""
        self._offset, self.mark.newest, self._behind = self._before
